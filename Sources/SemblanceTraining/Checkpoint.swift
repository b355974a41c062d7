public import Foundation
public struct CheckpointConfiguration: Hashable, Sendable { public var folder: URL; public var everySteps: Int }
enum Checkpoint { struct Identity { init(configuration: TrainingConfiguration, set: TrainingSet, model: TrainedModel) {} }
static func write(_ state: TrainingState, identity: Identity, to folder: URL) throws {}
static func read(from folder: URL, matching identity: Identity, shapes: TrainingState) throws -> TrainingState { shapes } }
