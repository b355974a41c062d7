public import Foundation
extension Embedder { public init(contentsOf: URL) throws { fatalError() } }
