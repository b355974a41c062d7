public import Foundation
internal import SemblanceNumerics

/// What ``VectorIndex/verify(at:)`` found.
public struct VerificationReport: Hashable, Sendable, Codable, CustomStringConvertible {
    /// Something that isn't what was written.
    public struct Damage: Hashable, Sendable, Codable {
        /// The file's name in the folder.
        public var file: String
        /// What is wrong with it.
        public var message: String

        package init(file: String, message: String) { (self.file, self.message) = (file, message) }
    }

    /// How many files were read.
    public var files = 0
    /// Vectors that can be found; `nil` where there is damage.
    public var vectors: Int?
    /// Everything that is wrong, file by file.
    public var damage: [Damage] = []
    /// Whether nothing is wrong.
    public var isWhole: Bool { damage.isEmpty }

    /// A line for each damage, or one that says that there is none.
    public var description: String {
        if isWhole { return "\(files) files with \(vectors ?? 0) vectors are whole" }
        return damage.map { "\($0.file): \($0.message)" }.joined(separator: "\n")
    }
}

extension VectorIndex {
    /// Reads every byte of an index' folder and lists all that is wrong; changes nothing.
    ///
    /// Another process may write meanwhile.
    ///
    /// - Parameter url: a folder that ``create(at:dimension:metric:kind:durability:maintenance:options:)`` or
    ///   ``write(to:)`` made.
    /// - Throws: ``RetrievalError`` with code `.fileSystem` where there is no such folder.
    /// - Complexity: O(bytes); a healthy index is opened once, too.
    public static func verify(at url: URL) throws -> VerificationReport {
        try verify(at: url.path, files: SystemFiles())
    }

    package static func verify(at path: String, files: any FileLayer) throws -> VerificationReport {
        try demandIndex(at: path, files: files)
        while true {
            let before = try? files.read(path + "/" + IndexManifest.name)
            let report = verifyOnce(at: path, files: files)
            // Another process may have written the next state meanwhile and removed the files of this one.
            let after = try? files.read(path + "/" + IndexManifest.name)
            let isSame =
                before.map { unsafe $0.withBytes { unsafe Data($0) } }
                == after.map { unsafe $0.withBytes { unsafe Data($0) } }
            if report.isWhole || isSame { return report }
        }
    }

    static func demandIndex(at path: String, files: any FileLayer) throws {
        let names = [IndexManifest.name, IndexManifest.copyName]
        guard names.contains(where: { files.exists(path + "/" + $0) }) else {
            throw RetrievalError(
                code: .fileSystem,
                message: "\(path) holds no index: \(IndexManifest.name) is missing"
            )
        }
    }

    private static func verifyOnce(at path: String, files: any FileLayer) -> VerificationReport {
        var report = VerificationReport()
        func note(_ file: String, _ error: any Error) {
            report.damage.append(.init(file: file, message: "\(error)"))
        }
        func check(_ name: String, _ identity: BlockFileIdentity?) {
            report.files += 1
            do {
                let file = try BlockFile.open(path + "/" + name, expecting: identity, files: files)
                for damage in file.damage() { note(name, damage.error) }
            } catch { note(name, error) }
        }
        func check(_ entry: IndexManifest.SegmentEntry) {
            for (name, identity) in entry.files.named(entry.number) { check(name, identity) }
        }

        report.files += 1
        let manifest: IndexManifest
        do {
            manifest = try IndexFolder.readManifest(at: path, files: files)
        } catch {
            // What belongs together can't be told; each file still says whether it is whole in itself.
            note(IndexManifest.name, error)
            for name in ((try? files.names(in: path)) ?? []).sorted()
            where name.hasPrefix(SegmentFiles.prefix) || name.hasPrefix(IndexManifest.livePrefix) { check(name, nil) }
            return report
        }
        for entry in manifest.segments { check(entry) }
        if let live = manifest.live { check(manifest.liveName, live) }
        var added: [IndexManifest.SegmentEntry] = []
        do {
            let salvage = try unsafe Journal.salvage(
                path,
                from: manifest.journal,
                identity: manifest.identity,
                files: files,
                expecting: manifest.known
            ) { sequence, payload in
                let record = try unsafe ChangeRecord(reading: payload, dimension: manifest.dimension)
                if case .segment(let entry, _) = record, sequence > manifest.sequence { added.append(entry) }
            }
            if let damage = salvage.damage { note("journal", damage) }
        } catch { note("journal", error) }
        for entry in added { check(entry) }
        report.files += ((try? Journal.numbers(in: path, files)) ?? []).count { $0 >= manifest.journal }
        guard report.isWhole else { return report }
        do {
            let contents = try IndexFolder.open(
                at: path,
                readOnly: true,
                durability: .everyWrite,
                tailCapacity: MaintenanceConfiguration().sealingCount,
                files: files
            )
            report.vectors = contents.state.count
        } catch { note(IndexManifest.name, error) }
        return report
    }
}
