/// Whose folder a model came from, and is written as.
package enum FolderFormat: Hashable, Sendable {
    /// sentence-transformers: modules.json, one folder a module.
    case sentenceTransformers(NamedPrompts = NamedPrompts())
    /// model2vec: the table beside config.json; unknown tokens and what is beyond `maximumLength` don't count.
    case model2vec(maximumLength: Int?)

    /// What Python's `encode` finds beside the prompts of the roles.
    package struct NamedPrompts: Hashable, Sendable {
        /// By their names.
        var prompts: [String: String] = [:]
        /// The name of the prompt that is used where none is asked for.
        var defaultName: String?

        package init() {}
    }
}
