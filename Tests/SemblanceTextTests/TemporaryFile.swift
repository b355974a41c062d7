import Foundation
import SemblanceText

/// A file that goes with the value that names it.
final class TemporaryFile {
    let url: URL

    init(_ contents: Data, named name: String = "tokenizer.json") {
        let folder = FileManager.default.temporaryDirectory.appending(path: "semblance-text-\(UUID().uuidString)")
        url = folder.appending(path: name)
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try? contents.write(to: url)
    }

    deinit { try? FileManager.default.removeItem(at: url.deletingLastPathComponent()) }
}

/// The tokenizer of a `tokenizer.json`.
func makeTokenizer(_ json: String) throws -> Tokenizer {
    let file = TemporaryFile(Data(json.utf8))
    return try withExtendedLifetime(file) { try Tokenizer(contentsOf: file.url) }
}
