public import Foundation
internal import SemblanceNumerics
public import SemblanceRetrieval

extension SearchIndex {
    /// Reads every byte of an index and lists all that is wrong; changes nothing.
    ///
    /// - Throws: ``SearchIndexError`` with code `.notAnIndex`.
    public static func verify(at folder: URL) throws -> VerificationReport {
        try verify(in: SearchPlace(folder))
    }

    static func verify(in place: SearchPlace) throws -> VerificationReport {
        let (layout, fingerprint) = try SearchLayout.read(from: place)
        var report = try VectorIndex.verify(at: place(layout.vectors), files: place.files)
        for (name, error) in WordFiles.damage(in: place(layout.words), files: place.files) {
            report.damage.append(.init(file: layout.words + "/" + name, message: "\(error)"))
        }
        if try place.models.fingerprint(of: layout.model) != fingerprint {
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
    /// Of a document whose old version came back with a damaged file the newer one counts. Damaged files of words are
    /// made anew from the documents. The model is not mended: it must be the one that made the vectors.
    ///
    /// - Throws: ``SearchIndexError``, ``RetrievalError``, ``FileError``; the folder is then as it was.
    public static func repair(at folder: URL) async throws -> RepairReport {
        try await repair(in: SearchPlace(folder))
    }

    static func repair(in place: SearchPlace) async throws -> RepairReport {
        let (layout, _) = try SearchLayout.read(from: place)
        let words = WordFiles.damage(in: place(layout.words), files: place.files)
        var report = try VectorIndex.repair(at: place(layout.vectors), files: place.files)
        for (name, error) in words {
            try? place.files.remove(place(layout.words + "/" + name))
            report.damage.append(.init(file: layout.words + "/" + name, message: "\(error)"))
        }
        let index = try open(in: place)
        let generation = index.current
        let strays = try generation.strays()
        if !strays.isEmpty { try await generation.vectors.remove(strays) }
        try await index.close()
        return report
    }
}
