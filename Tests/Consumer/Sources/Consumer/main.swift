// Trains, embeds, indexes, saves, opens and searches through one import; prints the pairs a second of training.

import Foundation
import Semblance

/// Made-up words, so that the texts need no files: each pair shares the two syllables that name its subject.
func pairs(_ count: Int) -> [TrainingPair] {
    let syllables = ["ba", "co", "di", "fu", "ge", "ha", "jo", "ki", "lu", "me", "na", "po", "ri", "su", "te", "vo"]
    func word(_ number: Int) -> String {
        syllables[number % 16] + syllables[number / 16 % 16] + syllables[number / 256 % 16]
    }
    return (0..<count).map { index in
        let subject = word(index * 7) + " " + word(index * 13 + 5)
        return TrainingPair(
            anchor: "what is \(subject) and \(word(index / 3))",
            positive: "\(subject) is a kind of \(word(index + 1000)) with \(word(index * 3))"
        )
    }
}

struct Failure: Error, CustomStringConvertible { let description: String }

func require(_ condition: Bool, _ what: String) throws { if !condition { throw Failure(description: what) } }

let training = pairs(20_000)
let configuration = TrainingConfiguration(epochs: 10)
let embedder = try await Embedder.fit(training, configuration: configuration) { event in
    if case .finished(let report) = event { print("pairs_per_second", Int(report.pairsPerSecond), "loss", report.loss) }
}

let documents = training.prefix(1000).map { $0.positives[0] }
let vectors = try await embedder.embed(documents)
let index = try VectorIndex(dimension: embedder.dimension, metric: .cosine, kind: .hnsw)
try await index.add(vectors, ids: Array(0..<Int64(documents.count)))
try await index.compact()

let folder = FileManager.default.temporaryDirectory.appending(path: "semblance-consumer-\(UUID())")
defer { try? FileManager.default.removeItem(at: folder) }
try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
try embedder.write(to: folder.appending(path: "model"))
try await index.write(to: folder.appending(path: "vectors"))
let opened = try Embedder(contentsOf: folder.appending(path: "model"))
let openedIndex = try VectorIndex.open(at: folder.appending(path: "vectors"))

var found = 0
for pair in 0..<100 {
    let hits = try index.nearest(to: try await embedder.embed(training[pair].anchor), count: 10)
    let again = try openedIndex.nearest(to: try await opened.embed(training[pair].anchor), count: 10)
    try require(hits == again, "pair \(pair): \(hits) before saving, \(again) after opening")
    if hits.contains(where: { $0.id == Int64(pair) }) { found += 1 }
}
print("found", found, "of 100 positives among 1000")
try require(found >= 80, "only \(found) of 100 positives were found")
