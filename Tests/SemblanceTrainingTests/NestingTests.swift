import Foundation
import SemblanceEncoders
import SemblanceEvaluation
import SemblanceNumerics
import SemblanceTestSupport
import Synchronization
import Testing

@testable import SemblanceTraining

/// The objective over several views.
@Suite struct NestingTests {
    let toy: ToyModel
    let fixtures = Bundle.module.bundleURL.appending(path: "Fixtures")

    init() throws { toy = try ToyModel() }

    func bert() throws -> Embedder {
        try Embedder(contentsOf: fixture(of: "SemblanceEncodersTests", "transformers/bert"))
    }

    /// What all kinds of nesting are, for 6 dimensions (8 at the solved point) and 3 layers.
    static let nestings: [NestingConfiguration] = {
        var layers = NestingConfiguration()
        layers.layers = [1, 0]
        var both = layers
        both.dimensions = [2, 4]
        both.alignmentWeight = 0.5
        both.alignmentTemperature = 0.2
        return [
            .matryoshka([4, 2]), layers, both, .starbucks([(0, 2), (2, 3), (3, 4)]),
            .twoDimensional(layers: [0, 2], dimensions: [4, 3, 2]),
        ]
    }()

    // MARK: The loss

    /// Columns of a matrix of doubles.
    private func columns(_ range: Range<Int>, of x: DoubleMatrix) -> DoubleMatrix {
        DoubleMatrix(
            rows: x.rows,
            columns: range.count,
            elements: (0..<x.rows).flatMap { row in range.map { x[row, $0] } }
        )
    }

    /// Σ p log(p / q) of two rows' softmax.
    private func divergence(_ teacher: [Double], _ student: [Double], _ temperature: Double) -> Double {
        func logShares(_ x: [Double]) -> [Double] {
            let sum = log(x.reduce(0) { $0 + exp($1 / temperature) })
            return x.map { $0 / temperature - sum }
        }
        return zip(logShares(teacher), logShares(student)).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
    }

    /// Two random points, and pairs that are one point, a little moved, in random directions: no view of them is zero.
    static let points: [MethodPoint] = {
        var random = RandomStream(seed: 12)
        let anchors = random.reference(rows: 8, columns: 8)
        let noise = random.reference(rows: 8, columns: 8, deviation: 0.02)
        let documents = zip(anchors.elements, noise.elements).map { Double(Float($0 + $1)) }
        let solved = MethodPoint(
            testDescription: "nearly solved",
            rows: (0..<8).map { ContrastiveRow(anchor: $0, positives: [100 + $0]) },
            anchors: anchors,
            documents: DoubleMatrix(rows: 8, columns: 8, elements: documents),
            tolerance: Tolerance(relative: 1e-3)
        )
        return MethodPoint.usual.prefix(2) + [solved]
    }()

    @Test(arguments: nestings, points)
    func `loss and gradients match central differences`(nesting: NestingConfiguration, point: MethodPoint) throws {
        var configuration = ContrastiveConfiguration()
        configuration.nesting = nesting
        let dimension = point.anchors.columns
        let objective = try NestedObjective(
            ContrastiveObjective(configuration),
            dimension: dimension,
            layerCount: 3
        )
        let selection = objective.views.selection(step: 5, seed: 1)
        var random = RandomStream(seed: 8)
        // Layers are the last one, moved a little.
        func widened(_ x: DoubleMatrix) -> DoubleMatrix {
            let parts =
                [x]
                + selection.layers.map { _ in
                    let noise = random.reference(rows: x.rows, columns: dimension, deviation: 0.05)
                    return DoubleMatrix(
                        rows: x.rows,
                        columns: dimension,
                        elements: zip(x.elements, noise.elements).map { Double(Float($0 + $1)) }
                    )
                }
            return DoubleMatrix(Matrix.concatenatingColumns(parts.map(\.float)))
        }
        let (anchors, documents) = (widened(point.anchors), widened(point.documents))
        let (batch, count) = (point.batch, Double(point.anchors.rows + point.documents.rows))
        // The last layer's embedding is a constant of the alignment.
        let constants = [anchors, documents].map { columns(0..<dimension, of: $0) }
        func reference(_ a: DoubleMatrix, _ d: DoubleMatrix) -> Double {
            var loss = 0.0
            for view in selection.views {
                loss +=
                    view.weight
                    * referenceLoss(
                        anchors: columns(view.columns, of: a),
                        documents: columns(view.columns, of: d),
                        batch: batch,
                        scale: 20,
                        configuration
                    )
            }
            let temperature = Double(nesting.alignmentTemperature)
            for place in selection.layers.indices {
                let first = (place + 1) * dimension
                let widths = selection.views.filter { $0.columns.lowerBound == first }.map(\.columns.count)
                for (x, constant) in zip([a, d], constants) {
                    let width = widths.max() ?? 0
                    let last = columns(0..<width, of: constant).unitRows
                    let layer = columns(first..<first + width, of: x).unitRows
                    for row in 0..<x.rows {
                        loss +=
                            Double(nesting.alignmentWeight) * temperature / count
                            * divergence(last[row: row], layer[row: row], temperature)
                    }
                }
            }
            return loss
        }
        var states: [MethodState] = []
        let found = objective.contrast(
            anchors: anchors.float,
            documents: documents.float,
            batch: batch,
            scale: 20,
            selection: selection,
            states: &states,
            workers: .shared(threads: 2)
        ).total
        found.check(
            at: anchors,
            documents,
            loss: Tolerance(relative: 2e-5, absolute: 1e-6),
            gradients: Tolerance(relative: point.tolerance.relative, absolute: 1e-8),
            against: reference
        )
    }

    @Test func `methods see each view, with a state of its own`() throws {
        /// Keeps what it is given and adds the sum of it.
        struct Witness: ContrastiveMethod {
            func start(_ training: MethodContext) throws -> MethodState {
                var state = MethodState()
                state.saved["seen"] = Matrix(rows: 1, columns: training.dimension)
                state.derived["guide"] = try training.embed([0], with: guide, as: .document)
                return state
            }
            let guide: Embedder
            func candidates(for step: inout ContrastiveStep, _ state: inout MethodState) {
                state.saved["seen"] = step.rawAnchors.rows(0..<1).value
            }
            func term(for step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression? { step.anchors.sum }
        }
        var configuration = ContrastiveConfiguration()
        configuration.nesting = Self.nestings[2]
        let point = MethodPoint.random(seed: 4)
        let plain = ContrastiveObjective(configuration, methods: [try Witness(guide: toy.embedder())])
        let nested = try NestedObjective(plain, dimension: 6, layerCount: 3)
        let asked = Mutex(0)
        let context = MethodContext(
            texts: [],
            rows: [],
            batchSize: 7,
            dimension: 6,
            totalSteps: 1,
            seed: 1,
            model: try toy.embedder(),
            parameters: []
        ) { _, _, _ in
            asked.withLock { $0 += 1 }
            return Matrix(rows: 1, columns: 3)
        }
        var states = try nested.start(context)
        #expect(states.map { $0.saved["seen"]?.columns } == nested.views.all.map(\.dimension))
        #expect(asked.withLock { $0 } == 1)
        let wide = Matrix.concatenatingColumns([point.anchors.float, point.anchors.float, point.anchors.float])
        let documents = Matrix.concatenatingColumns(Array(repeating: point.documents.float, count: 3))
        let selection = nested.views.selection(step: 0, seed: 1)
        let found = nested.contrast(
            anchors: wide,
            documents: documents,
            batch: point.batch,
            scale: 20,
            selection: selection,
            states: &states,
            workers: .shared(threads: 2)
        )
        var sum = 0.0
        for (view, (index, contrast)) in zip(selection.views, found.views) {
            let alone = plain.contrast(
                anchors: wide.columns(view.columns),
                documents: documents.columns(view.columns),
                batch: point.batch,
                scale: 20,
                workers: .shared(threads: 2)
            )
            #expect(view.index == index && contrast.loss == alone.loss)
            #expect(states[index].saved["seen"] == wide.columns(view.columns).rows(0..<1))
            sum += view.weight * alone.loss
        }
        // Where all layers agree, their alignment is 0.
        expectClose([found.total.loss], [sum], Tolerance(relative: 1e-6))
    }

    // MARK: Views

    func views(_ nesting: NestingConfiguration, step: Int) throws -> [String] {
        let views = try NestedViews(nesting, dimension: 8, layerCount: 4)
        let selection = views.selection(step: step, seed: 3)
        return selection.views.map { member in
            let view = views.all[member.index]
            let place = view.layer.map { selection.layers.firstIndex(of: $0)! + 1 } ?? 0
            #expect(member.columns == place * 8..<place * 8 + view.dimension)
            return "\(view.layer.map(String.init) ?? "last"):\(view.dimension)×\(member.weight)"
        }
    }

    @Test func `views are the whole, each dimension, and each layer with them, or a fixed list`() throws {
        #expect(try views(.init(), step: 0) == ["last:8×1.0"])
        #expect(try views(.matryoshka([8]), step: 0) == ["last:8×1.0"])
        #expect(try views(.matryoshka([2, 4, 8]), step: 0) == ["last:8×1.0", "last:4×1.0", "last:2×1.0"])
        var both = NestingConfiguration.matryoshka([4])
        both.layers = [1, 3, 4]
        #expect(
            try views(both, step: 0)
                == ["last:8×1.0", "last:4×1.0", "3:8×0.5", "3:4×0.5", "1:8×0.5", "1:4×0.5"]
        )
        let sizes = NestingConfiguration.starbucks([(1, 2), (2, 4), (4, 6), (4, 8)])
        #expect(try views(sizes, step: 0) == ["last:8×1.0", "1:2×1.0", "2:4×1.0", "last:6×1.0"])
    }

    @Test func `in two dimensions each step draws one layer and one dimension, in time all`() throws {
        let nesting = NestingConfiguration.twoDimensional(layers: [0, 1, 2, 3], dimensions: [6, 4, 2])
        var drawn = Set<[String]>()
        for step in 0..<200 {
            let found = try views(nesting, step: step)
            let layer = found[2].split(separator: ":")[0], dimension = found[1].split(separator: ":")[1]
            #expect(found == ["last:8×1.0", "last:\(dimension)", "\(layer):8×1.0", "\(layer):\(dimension)"])
            #expect(try views(nesting, step: step) == found)
            drawn.insert(found)
        }
        #expect(drawn.count == 12)
        var pairs = NestingConfiguration.starbucks([(1, 2), (2, 4), (3, 6)])
        pairs.layersPerStep = 2
        let lists = try (0..<50).map { try views(pairs, step: $0) }
        #expect(lists.allSatisfy { $0.count == 3 && $0[0] == "last:8×1.0" } && Set(lists).count == 3)
    }

    @Test func `layers and dimensions a model lacks, and lists that don't fit, are refused`() async throws {
        var drawnPairs = NestingConfiguration.starbucks([(1, 4)])
        drawnPairs.dimensionsPerStep = 1
        var uneven = NestingConfiguration.starbucks([(1, 4)])
        uneven.layers = [1, 2]
        var cold = NestingConfiguration.matryoshka([4])
        cold.alignmentTemperature = 0
        for wrong in [
            .matryoshka([9]), .matryoshka([0]), .matryoshka([4, 4]), .starbucks([(1, 4)]), drawnPairs, uneven, cold,
        ] as [NestingConfiguration] {
            var configuration = TrainingConfiguration(epochs: 1, batchSize: 10)
            configuration.objective.nesting = wrong
            await #expect(throws: TrainingError.self, "\(wrong)") {
                try await fit(toy.pairs(10), from: toy.embedder(), configuration)
            }
        }
    }

    // MARK: Training

    @Test func `the whole alone is no nesting, bit for bit`() async throws {
        var configuration = TrainingConfiguration(epochs: 2, batchSize: 30)
        configuration.objective.temperature.isLearned = true
        let plain = try await fit(toy.pairs(60), from: toy.embedder(), configuration)
        configuration.objective.nesting = .matryoshka([8])
        let whole = try await fit(toy.pairs(60), from: toy.embedder(), configuration)
        #expect(whole.embedder.weights == plain.embedder.weights && whole.log.losses == plain.log.losses)
        configuration.objective.nesting = .matryoshka([8, 4])
        let nested = try await fit(toy.pairs(60), from: toy.embedder(), configuration)
        #expect(nested.embedder.weights != plain.embedder.weights)
    }

    struct Golden: Decodable {
        struct Run: Decodable { let losses: [Double], trained: [[Double]] }
        let rows: [[String]], texts: [String]
        let dimensions: Run, layers: Run, both: Run
    }

    enum Part: String, CaseIterable { case dimensions, layers, both }

    @Test(arguments: Part.allCases)
    func `steps have the losses and the embeddings of sentence-transformers`(part: Part) async throws {
        let golden = try JSONDecoder().decode(
            Golden.self,
            from: Data(contentsOf: fixtures.appending(path: "nesting_steps.json"))
        )
        let expected = part == .dimensions ? golden.dimensions : part == .layers ? golden.layers : golden.both
        var configuration = goldenConfiguration(steps: expected.losses.count)
        if part != .layers { configuration.objective.nesting.dimensions = [32, 16, 8] }
        if part != .dimensions { configuration.objective.nesting.layers = [0, 1] }
        let pairs = golden.rows.map { TrainingPair(anchor: $0[0], positive: $0[1]) }
        let (embedder, log) = try await fit(pairs, from: bert(), configuration)
        expectClose(log.losses, expected.losses, Tolerance(relative: 1e-5), "losses")
        expectClose(
            try await embedder.embed(golden.texts, options: .init(normalizes: true)).elements.map(Double.init),
            expected.trained.flatMap { $0 },
            Tolerance(relative: 1e-3),
            "embeddings"
        )
        // The twin that must differ: without the alignment, or with other dimensions.
        if part == .dimensions {
            configuration.objective.nesting.dimensions = [32, 16, 9]
        } else {
            configuration.objective.nesting.alignmentWeight = 0
        }
        let other = try await fit(pairs, from: bert(), configuration).log.losses
        #expect(excess(other, over: expected.losses, Tolerance(relative: 1e-5)).ratio > 10)
    }

    /// nDCG@10 of new pairs with the first components alone.
    func score(_ embedder: Embedder, dimension: Int) async throws -> Double {
        let pairs = toy.pairs(60, seed: 2)
        let set = try RetrievalDataset(
            documents: pairs.enumerated().map { .init(id: "d\($0)", text: $1.positives[0]) },
            queries: pairs.enumerated().map { .init(id: "q\($0)", text: $1.anchor) },
            judgements: Dictionary(uniqueKeysWithValues: pairs.indices.map { ("q\($0)", ["d\($0)": 1]) })
        )
        return try await Evaluator.retrieval(embedder, on: set, dimension: dimension).value(of: .ndcg(10))
    }

    @Test func `the first components of a nested model do for the whole; those of another don't`() async throws {
        var configuration = TrainingConfiguration(epochs: 20, batchSize: 48)
        let start = try toy.embedder(dimension: 64)
        let plain = try await fit(toy.pairs(480), from: start, configuration).embedder
        configuration.objective.nesting = .matryoshka([16, 4])
        let nested = try await fit(toy.pairs(480), from: start, configuration).embedder
        let (whole, few) = (try await score(nested, dimension: 64), try await score(nested, dimension: 4))
        let (plainWhole, plainFew) = (try await score(plain, dimension: 64), try await score(plain, dimension: 4))
        #expect(whole > plainWhole - 0.02, "\(whole) and \(plainWhole)")
        #expect(few > plainFew + 0.1, "\(few) and \(plainFew)")
        await #expect(throws: EncoderError.self) { try await score(nested, dimension: 65) }
    }

    /// A run in which layers and dimensions are drawn and everything random plays a part.
    func stirred(_ nesting: NestingConfiguration) -> TrainingConfiguration {
        var configuration = TrainingConfiguration(epochs: 3, batchSize: 16, negatives: [.mined])
        configuration.learningRate = 1e-3
        configuration.dropout = 0.1
        configuration.negativesPerRow = 1
        configuration.objective.nesting = nesting
        configuration.objective.temperature.isLearned = true
        configuration.objective.methods = [MethodChoice(AlignmentUniformity())]
        return configuration
    }

    static let drawn: [NestingConfiguration] = [
        .matryoshka([16, 8]), .twoDimensional(layers: [0, 1], dimensions: [16, 8, 4]), .starbucks([(0, 8), (1, 16)]),
    ]

    @Test(arguments: drawn)
    func `threads and memory change no bit`(nesting: NestingConfiguration) async throws {
        let configuration = stirred(nesting)
        var other = configuration
        other.compute.threads = 1
        other.tapeMemory = 0
        let weights = try await fit(toy.pairs(48), from: bert(), configuration).embedder.weights
        #expect(try await fit(toy.pairs(48), from: bert(), other).embedder.weights == weights)
        other.objective.nesting = .init()
        #expect(try await fit(toy.pairs(48), from: bert(), other).embedder.weights != weights)
    }

    @Test(arguments: drawn)
    func `a resumed run ends with the same bits`(nesting: NestingConfiguration) async throws {
        let (pairs, start, configuration) = (toy.pairs(48), try bert(), stirred(nesting))
        let whole = try await fit(pairs, from: start, configuration).embedder.weights
        try await withTemporaryFolder { folder in
            let copy = folder.appending(path: "copy")
            _ = try await Embedder.fit(
                pairs,
                startingFrom: .embedder(start),
                configuration: configuration,
                checkpoints: CheckpointConfiguration(folder: folder.appending(path: "checkpoint"), everySteps: 5)
            ) { event in
                guard case .checkpoint(let place) = event, !FileManager.default.fileExists(atPath: copy.path) else {
                    return
                }
                try? FileManager.default.copyItem(at: place, to: copy)
            }
            let resumed = try await Embedder.fit(
                pairs,
                startingFrom: .embedder(start),
                configuration: configuration,
                resumingFrom: copy
            )
            #expect(resumed.weights == whole)
        }
    }

    @Test func `nesting is read from a configuration file`() async throws {
        try await withTemporaryFolder { folder in
            let file = folder.appending(path: "settings.json")
            try Data(
                #"{"objective": {"nesting": {"layers": [2, 4], "dimensions": [32, 64], "combination": "pairs"}}}"#.utf8
            ).write(to: file)
            let found = try TrainingConfiguration(contentsOf: file).objective.nesting
            #expect(found == .starbucks([(2, 32), (4, 64)]))
        }
    }
}
