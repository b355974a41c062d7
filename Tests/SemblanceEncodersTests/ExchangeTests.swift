import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import Testing

/// Where folders are exchanged with sentence-transformers: run these tests, Fixtures/exchange.py, and these tests again.
private let exchange = ProcessInfo.processInfo.environment["SEMBLANCE_EXCHANGE"].map { URL(filePath: $0) }

/// Folders written here and opened there, and the other way round.
@Suite(.enabled(if: exchange != nil)) struct ExchangeTests {
    @Test(arguments: TransformerFixtures.bases + TransformerFixtures.variants)
    func `folders go there and back`(name: String) async throws {
        let folder = try #require(exchange)
        try await withTemporaryFolder { parent in
            let embedder = try Embedder(contentsOf: TransformerFixtures.copy(name, into: parent))
            try embedder.write(to: folder.appending(path: "ours/\(name)"), overwriting: true)
        }
        let theirs = folder.appending(path: "theirs/\(name)")
        guard FileManager.default.fileExists(atPath: theirs.path) else { return }
        let embedder = try Embedder(contentsOf: theirs)
        for role in Role.allCases {
            let found = try await embedder.embed(TransformerFixtures.texts(), as: role)
            let expected = try TransformerFixtures.expected(name, role)
            let scale = expected.elements.reduce(0) { max($0, abs($1)) }
            let difference = largestDifference(found, expected)
            print("\(name) \(role): saved by sentence-transformers, opened here: \(difference)")
            #expect(difference <= TransformerFolderTests.tolerance * (scale > 10 ? scale : 1))
        }
    }
}
