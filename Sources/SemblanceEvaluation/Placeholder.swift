public struct RetrievalDataset: Sendable {}
public struct RetrievalReport: Sendable, Codable { package init() {}
 package func value(of: String) -> Double { 0 } }
