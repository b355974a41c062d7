internal import SemblanceNumerics
internal import SemblanceRetrieval
internal import Synchronization

/// The words of an index' documents, in a folder of their own, so that opening it needs not read all texts again.
///
/// The files only say what the documents say too, and each text's words carry the hash of the text: whatever is missing,
/// damaged, old or foreign is found out and read from the documents. So nothing here needs to be durable, or to fail.
final class WordFiles: Sendable {
    private struct Saved {
        var segment: LexicalSegment
        var name: String
    }

    private struct State {
        var saved: [ObjectIdentifier: Saved] = [:]
        var next = 1
        var isSaving = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let folder: String
    private let files: any FileLayer
    /// Smaller segments are saved when the index is closed.
    private let leastCount: Int
    private let state = Mutex(State())

    private static let prefix = "words-"
    private static let suffix = ".segment"

    init(folder: String, files: any FileLayer, leastCount: Int) {
        (self.folder, self.files, self.leastCount) = (folder, files, leastCount)
    }

    /// The names of the files, the newest first.
    private static func names(in folder: String, _ files: any FileLayer) -> [(name: String, number: Int)] {
        let names = (try? files.names(in: folder)) ?? []
        return names.compactMap { name in
            guard name.hasPrefix(prefix), name.hasSuffix(suffix),
                let number = Int(name.dropFirst(prefix.count).dropLast(suffix.count)), number > 0, number < 1 << 53
            else { return nil }
            return (name, number)
        }.sorted { $0.number > $1.number }
    }

    /// What is whole of what is there, the newest first.
    func load() -> [LexicalSegmentFile] {
        let names = Self.names(in: folder, files)
        var found: [LexicalSegmentFile] = []
        state.withLock { state in
            state.next = (names.first?.number ?? 0) + 1
            for (name, _) in names {
                guard let file = try? LexicalSegmentFile(contentsOf: folder + "/" + name, files: files) else {
                    continue
                }
                state.saved[ObjectIdentifier(file.segment)] = Saved(segment: file.segment, name: name)
                found.append(file)
            }
        }
        return found
    }

    /// What is wrong with the files, each by its name.
    static func damage(in folder: String, files: any FileLayer) -> [(name: String, error: any Error)] {
        names(in: folder, files).compactMap { name, _ in
            do {
                _ = try LexicalSegmentFile(contentsOf: folder + "/" + name, files: files)
                return nil
            } catch { return (name, error) }
        }
    }

    /// Saves the larger segments in the background, where enough of them aren't and nobody is at it.
    ///
    /// - Parameter now: the index as it is, and the hash of each document by its number.
    func keepUp(_ now: @escaping @Sendable () -> (LexicalIndex, [UInt32: UInt64]), with index: LexicalIndex) {
        let begins = state.withLock { state in
            guard !state.isSaving, hasUnsaved(index, state) else { return false }
            state.isSaving = true
            return true
        }
        guard begins else { return }
        Workers.maintenance.submit { [self] in
            let (index, stamps) = now()
            try? save(index, stamps: stamps, leastCount: leastCount)
            let waiters = state.withLock { state in
                defer { state.waiters = [] }
                state.isSaving = false
                return state.waiters
            }
            for waiter in waiters { waiter.resume() }
        }
    }

    /// Whether so many texts would have to be read that saving their words is worth going through the documents.
    private func hasUnsaved(_ index: LexicalIndex, _ state: State) -> Bool {
        let unsaved = index.parts.lazy.filter { state.saved[ObjectIdentifier($0.segment)] == nil }.map(\.segment.count)
        return unsaved.filter { $0 >= self.leastCount }.reduce(0, +) >= max(leastCount, index.count / 16)
    }

    /// Suspends until nobody saves.
    func settle() async {
        await withCheckedContinuation { waiter in
            let waits = state.withLock { state in
                if state.isSaving { state.waiters.append(waiter) }
                return state.isSaving
            }
            if !waits { waiter.resume() }
        }
    }

    /// Saves all segments, and removes what is in none of them.
    func saveAll(_ index: LexicalIndex, stamps: [UInt32: UInt64]) throws {
        try save(index, stamps: stamps, leastCount: 0)
    }

    private func save(_ index: LexicalIndex, stamps: [UInt32: UInt64], leastCount: Int) throws {
        try files.createFolder(folder)
        for part in index.parts where part.segment.count >= leastCount {
            let segment = part.segment
            let name = state.withLock { state -> String? in
                if state.saved[ObjectIdentifier(segment)] != nil { return nil }
                defer { state.next += 1 }
                return Self.prefix + "\(state.next)" + Self.suffix
            }
            guard let name else { continue }
            // One that was removed has no stamp, and needs none.
            let stampsBySlot = (0..<segment.count).map { stamps[segment.number(of: $0)] ?? 0 }
            try LexicalSegmentFile.write(segment, stamps: stampsBySlot, to: folder + "/" + name, files: files)
            state.withLock { $0.saved[ObjectIdentifier(segment)] = Saved(segment: segment, name: name) }
        }
        let current = Set(index.parts.map { ObjectIdentifier($0.segment) })
        let needed = state.withLock { state in
            state.saved = state.saved.filter { current.contains($0.key) }
            return Set(state.saved.values.map(\.name))
        }
        for name in try files.names(in: folder) where name.hasPrefix(Self.prefix) && !needed.contains(name) {
            try? files.remove(folder + "/" + name)
        }
    }
}
