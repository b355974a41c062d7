public import Foundation

/// A fixture of another test target, where it lies in the package.
public func fixture(of target: String, _ path: String, here: String = #filePath) -> URL {
    URL(filePath: here).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: target).appending(path: "Fixtures").appending(path: path)
}
