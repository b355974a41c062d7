public import Foundation
internal import SemblanceNumerics
public import SemblanceRetrieval

extension SearchIndex {
    /// Reads every byte of an index and lists all that is wrong; changes nothing.
    ///
    /// - Throws: ``SearchIndexError`` with code `.notAnIndex`.
    public static func verify(at folder: URL) throws -> VerificationReport {
        let (layout, fingerprint) = try SearchLayout.read(from: folder)
        var report = try VectorIndex.verify(at: folder.appending(path: layout.vectors))
        let model = folder.appending(path: layout.model)
        if try SearchLayout.fingerprint(of: model) != fingerprint {
            report.damage.append(
                .init(
                    file: layout.model,
                    message: "it isn't the model that made the vectors; put it back from a backup"
                )
            )
        }
        return report
    }

    /// Makes a damaged index one that opens, with all documents that are whole, and says what was lost; see
    /// ``VectorIndex/repair(at:)``.
    ///
    /// Of a document whose old version came back with a damaged file the newer one counts. The model is not mended: it
    /// must be the one that made the vectors.
    ///
    /// - Throws: ``SearchIndexError``, ``RetrievalError``, ``FileError``; the folder is then as it was.
    public static func repair(at folder: URL) async throws -> RepairReport {
        let (layout, _) = try SearchLayout.read(from: folder)
        let report = try VectorIndex.repair(at: folder.appending(path: layout.vectors))
        let index = try open(at: folder)
        let generation = index.current
        let strays = try generation.strays()
        if !strays.isEmpty { try await generation.vectors.remove(strays) }
        try await index.close()
        return report
    }
}
