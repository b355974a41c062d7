/// Whose folder a model came from, and is written as.
package enum FolderFormat: Hashable, Sendable {
    /// sentence-transformers: modules.json, one folder a module.
    case sentenceTransformers
    /// model2vec: the table beside config.json; unknown tokens and what is beyond `maximumLength` don't count.
    case model2vec(maximumLength: Int?)
}
