public struct VocabularyConfiguration: Sendable { public init() {} }
extension Tokenizer { package static func train(on: [String], configuration: VocabularyConfiguration) throws -> Tokenizer { throw TextError(.unsupported, "later") } }
