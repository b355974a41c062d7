import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import Testing

/// The small transformers that Fixtures/make_transformers.py wrote, and what sentence-transformers makes of some texts.
enum TransformerFixtures {
    static var root: URL { Bundle.module.bundleURL.appending(path: "Fixtures/transformers") }

    /// Folders with weights of their own.
    static let bases = [
        "bert", "bert-old-names", "bert-sharded", "distilbert", "roberta", "xlm-roberta", "mpnet", "modernbert",
        "modernbert-old-config", "router",
    ]

    /// The same weights under other modules.
    static let variants = [
        "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken", "all-poolings", "poolings-in-another-order",
        "prompts", "prompts-not-pooled", "prompts-not-pooled-legacy", "dense-tanh", "dense-identity", "dense-twice",
        "short-texts", "lower-case",
    ]

    static func texts() throws -> [String] {
        try JSONDecoder().decode([String].self, from: Data(contentsOf: root.appending(path: "texts.json")))
    }

    static func expected(_ name: String, _ role: Role) throws -> Matrix {
        try SafetensorsFile(contentsOf: root.appending(path: "expected.safetensors")).matrix("\(name).\(role.rawValue)")
    }

    /// Copies the folder `name` into `parent`, a variant's files over those of its base.
    static func copy(_ name: String, into parent: URL) throws -> URL {
        let (files, target) = (FileManager.default, parent.appending(path: name))
        guard variants.contains(name) else {
            try files.copyItem(at: root.appending(path: name), to: target)
            return target
        }
        let overlay = root.appending(path: "variants/\(name)")
        let base = try String(contentsOf: overlay.appending(path: "base"), encoding: .utf8)
        try files.copyItem(at: root.appending(path: base), to: target)
        for path in try files.subpathsOfDirectory(atPath: overlay.path) where path != "base" {
            var isFolder: ObjCBool = false
            let (from, to) = (overlay.appending(path: path), target.appending(path: path))
            _ = unsafe files.fileExists(atPath: from.path, isDirectory: &isFolder)
            if isFolder.boolValue {
                try files.createDirectory(at: to, withIntermediateDirectories: true)
            } else {
                try Data(contentsOf: from).write(to: to)
            }
        }
        return target
    }

    /// Changes the JSON object in a file.
    static func edit(_ file: URL, _ change: (inout [String: Any]) -> Void) throws {
        var object = try #require(JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        change(&object)
        try JSONSerialization.data(withJSONObject: object).write(to: file)
    }
}

/// The largest difference of any component; infinite where shapes differ or a number is NaN.
func largestDifference(_ x: Matrix, _ y: Matrix) -> Float {
    guard x.rows == y.rows, x.columns == y.columns else { return .infinity }
    return zip(x.elements, y.elements).reduce(0) { largest, pair in
        let difference = abs(pair.0 - pair.1)
        return difference.isNaN ? .infinity : max(largest, difference)
    }
}
