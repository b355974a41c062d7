internal import SemblanceEncoders
internal import SemblanceEvaluation
internal import SemblanceNumerics
enum Evaluator { static let selectionMetric = "ndcg@10"
 static func evaluate(_ e: Embedder, on: RetrievalDataset, workers: Workers, cancellation: Cancellation) throws -> RetrievalReport { RetrievalReport() } }
