// A disk in memory that keeps apart what a program sees and what a loss of power leaves.

internal import SemblanceNumerics
package import SemblanceRetrieval
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// A file layer for tests: it forgets unsynced changes when the power goes, in any order, and fails when it is told to.
///
/// Contents are lost by sectors of 512 bytes: of each, what was synced may be found or any later version, whatever
/// became of its neighbours; the length is one of those the file had since. Of the changes of names any are found that
/// go together. A sync that fails drops what it should have written: a later one doesn't bring it back, though the
/// program still sees it.
package final class SimulatedDisk: FileLayer {
    private let state: Mutex<State>

    /// An empty disk with the folder `/`.
    ///
    /// - Parameter capacity: the bytes all files may have together.
    package convenience init(seed: UInt64 = 0, capacity: Int = .max) {
        self.init(State(random: RandomStream(seed: seed), capacity: capacity))
    }

    private init(_ state: consuming State) { self.state = Mutex(state) }

    /// How many changes were asked for: create, write, truncate, sync, rename, remove, of files and folders.
    package var operations: Int { state.withLock { $0.operations } }

    /// What was asked for, one change after the other.
    package var history: [String] { state.withLock { $0.history } }

    /// The bytes all files may have together; a write that doesn't fit gets as far as it can and throws `ENOSPC`.
    package var capacity: Int {
        get { state.withLock { $0.capacity } }
        set { state.withLock { $0.capacity = newValue } }
    }

    /// Whether syncs of files say that they worked and do nothing: what the tests of durability must find out.
    package var isLying: Bool {
        get { state.withLock { $0.isLying } }
        set { state.withLock { $0.isLying = newValue } }
    }

    /// The bytes all files have together.
    package var used: Int { state.withLock { $0.used } }

    /// Lets the change of that number fail, the first being 1; where it is a write, a part of it gets there.
    ///
    /// - Parameter lasting: whether all that follow fail too, until ``heal()``.
    package func fail(at operation: Int, with reason: Int32 = EIO, lasting: Bool = false) {
        state.withLock { $0.failure = Failure(operation: operation, reason: reason, lasting: lasting) }
    }

    /// Lets everything work again.
    package func heal() { state.withLock { $0.failure = nil } }

    /// The disk as it can be found after the power went; this one takes and gives nothing any more.
    package func losePower(seed: UInt64) -> SimulatedDisk {
        SimulatedDisk(
            state.withLock { state in
                state.isGone = true
                return state.afterPowerLoss(RandomStream(seed: seed, stream: 1))
            }
        )
    }

    /// The disk as another process finds it after the one that used this was killed; this one takes and gives nothing
    /// any more.
    package func kill() -> SimulatedDisk {
        SimulatedDisk(
            state.withLock { state in
                var found = state
                state.isGone = true
                found.restart()
                return found
            }
        )
    }

    /// Another disk that is as this one, for trying something.
    package func copy() -> SimulatedDisk {
        SimulatedDisk(
            state.withLock { state in
                var copy = state
                copy.restart()
                return copy
            }
        )
    }

    /// A copy of what is in a file.
    package func contents(of path: String) throws -> [UInt8] {
        try unsafe read(path, upTo: .max).withBytes { unsafe Array($0) }
    }

    /// Changes what is in a file, as something that isn't this program may.
    package func damage(_ path: String, _ body: (inout [UInt8]) -> Void) throws {
        try state.withLock { state in
            let number = try state.file(path)
            body(&state.files[number, default: File()].data)
            state.files[number]?.isSynced = true
        }
    }

    package func names(in folder: String) throws -> [String] {
        try state.withLock { state in
            try state.expectFolder(folder)
            return state.names.keys.filter { parent(of: $0) == folder && $0 != "/" }
                .map { path in path.split(separator: "/").last.map(String.init) ?? "" }
        }
    }

    package func exists(_ path: String) -> Bool { state.withLock { $0.names[path] != nil } }

    package func map(_ path: String) throws -> MappedBytes { try read(path, upTo: .max) }

    package func read(_ path: String, upTo count: Int) throws -> MappedBytes {
        let data = try state.withLock { state in
            let number = try state.file(path)
            return state.files[number]?.data ?? []
        }
        let length = min(count, data.count)
        return unsafe MappedBytes(count: length) { memory in
            unsafe data.withUnsafeBytes {
                unsafe memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<length]))
            }
            return length
        }
    }

    package func createFolder(_ path: String) throws {
        try state.withLock { state in
            if state.names[path] == .folder { return }
            try state.begin("create folder", path)
            try state.expectFolder(parent(of: path))
            guard state.names[path] == nil else { throw failure(path, "creating the folder", EEXIST) }
            state.change(.add(path, .folder))
        }
    }

    package func create(_ path: String) throws -> any WritableFile {
        try state.withLock { state in
            try state.begin("create", path)
            try state.expectFolder(parent(of: path))
            guard state.names[path] == nil else { throw failure(path, "creating a file in its folder", EEXIST) }
            return Handle(disk: self, number: state.createFile(path), path: path)
        }
    }

    package func rename(_ path: String, to new: String) throws {
        try state.withLock { state in
            try state.begin("rename to \(new)", path)
            try state.expectFolder(parent(of: new))
            state.change(.move(path, new, try state.file(path)))
        }
    }

    package func remove(_ path: String) throws {
        try state.withLock { state in
            try state.begin("remove", path)
            state.change(.remove(path, try state.file(path)))
        }
    }

    package func synchronise(folder: String) throws {
        try state.withLock { state in
            try state.expectFolder(folder)
            do {
                try state.begin("sync", folder)
            } catch {
                state.synchroniseNames(in: folder, part: true)
                throw error
            }
            state.synchroniseNames(in: folder, part: false)
        }
    }

    package func lock(_ path: String) throws -> FileLock {
        try state.withLock { state in
            try state.expectFolder(parent(of: path))
            if state.names[path] == nil { _ = state.createFile(path) }
            guard state.locks.insert(path).inserted else { throw FileError.locked(path, by: nil) }
        }
        return FileLock { [self] in _ = state.withLock { $0.locks.remove(path) } }
    }

    /// An open file.
    private struct Handle: WritableFile {
        let disk: SimulatedDisk
        let number: Int
        let path: String

        func write(_ bytes: UnsafeRawBufferPointer) throws {
            if unsafe bytes.isEmpty { return }
            let bytes = unsafe Array(bytes)
            try disk.state.withLock { state in
                do {
                    try state.begin("write \(bytes.count)", path)
                } catch {
                    let part = state.isGone ? 0 : Int.random(in: 0..<bytes.count, using: &state.random)
                    state.append(bytes[..<min(part, state.free)], to: number)
                    throw error
                }
                let free = state.free
                state.append(bytes.prefix(free), to: number)
                if free < bytes.count { throw failure(path, "writing \(bytes.count) bytes", ENOSPC) }
            }
        }

        func truncate(to length: Int) throws {
            try disk.state.withLock { state in
                try state.begin("truncate to \(length)", path)
                state.files[number]?.truncate(to: length)
            }
        }

        func synchronise() throws {
            try disk.state.withLock { state in
                do {
                    try state.begin("sync", path)
                } catch {
                    if !state.isGone { state.files[number]?.dropUnsynced(&state.random) }
                    throw error
                }
                if !state.isLying { state.files[number]?.synchronise() }
            }
        }
    }
}

private struct Failure {
    var operation: Int
    var reason: Int32
    var lasting: Bool
}

private enum Node: Hashable {
    case folder
    case file(Int)
}

/// A change of names.
private enum NameChange {
    case add(String, Node)
    case move(String, String, Int)
    case remove(String, Int)

    /// Where it is recorded.
    var folder: String {
        switch self {
        case .add(let path, _), .move(_, let path, _), .remove(let path, _): parent(of: path)
        }
    }

    /// Makes the change, if the file it is of is there.
    func apply(to names: inout [String: Node]) {
        switch self {
        case .add(let path, let node): names[path] = node
        case .move(let path, let new, let file):
            guard names[path] == .file(file) else { return }
            names[path] = nil
            names[new] = .file(file)
        case .remove(let path, let file):
            if names[path] == .file(file) { names[path] = nil }
        }
    }
}

private func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
    return String(path[..<slash])
}

private func failure(_ path: String, _ what: String, _ reason: Int32) -> FileError {
    FileError(.unwritable, path: path, doing: what, reason: reason)
}

/// The contents of a file: as seen, as certain, and what may be found between.
private struct File {
    static let sector = 512

    var data: [UInt8] = []
    private var durable: [UInt8] = []
    /// What sectors held since the last sync, in order; without the zeros at a sector's end.
    private var versions: [Int: [[UInt8]]] = [:]
    /// The lengths since.
    private var lengths: [Int] = []

    /// Whether all is certain; setting it makes it so.
    var isSynced: Bool {
        get { lengths.isEmpty }
        set { if newValue { (durable, versions, lengths) = (data, [:], []) } }
    }

    private func contents(of sector: Int, in bytes: [UInt8]) -> [UInt8] {
        let start = sector * Self.sector
        return start < bytes.count ? Array(bytes[start..<min(start + Self.sector, bytes.count)]) : []
    }

    mutating func append(_ bytes: ArraySlice<UInt8>) {
        if bytes.isEmpty { return }
        let first = data.count / Self.sector
        data += bytes
        for sector in first...(data.count - 1) / Self.sector {
            versions[sector, default: []].append(contents(of: sector, in: data))
        }
        lengths.append(data.count)
    }

    mutating func truncate(to length: Int) {
        let old = data.count
        if length < old {
            data.removeLast(old - length)
        } else {
            data += repeatElement(0, count: length - old)
        }
        for sector in min(length, old) / Self.sector..<max(length, old) / Self.sector + 1 {
            versions[sector, default: []].append(contents(of: sector, in: data))
        }
        lengths.append(length)
    }

    /// The certain contents, with a version picked for each sector that has some and for the length.
    private func picked(length: Int?, _ pick: ([[UInt8]]) -> [UInt8]?) -> [UInt8] {
        let length = length ?? durable.count
        var result = Array(durable.prefix(length))
        result += repeatElement(0, count: length - result.count)
        for sector in versions.keys.sorted() where sector * Self.sector < length {
            guard let contents = pick(versions[sector] ?? []) else { continue }
            let start = sector * Self.sector
            let end = min(start + Self.sector, length)
            let padded = contents + repeatElement(0, count: Self.sector - contents.count)
            result.replaceSubrange(start..<end, with: padded[..<(end - start)])
        }
        return result
    }

    /// What may be found if the power goes now.
    func found(_ random: inout RandomStream) -> [UInt8] {
        switch random.next() % 4 {
        case 0: return durable
        case 1: return picked(length: lengths.last) { $0.last }
        default:
            let length = ([durable.count] + lengths).randomElement(using: &random)
            return picked(length: length) { versions in
                let version = Int.random(in: 0...versions.count, using: &random)
                return version == 0 ? nil : versions[version - 1]
            }
        }
    }

    mutating func synchronise() {
        (durable, versions, lengths) = (picked(length: lengths.last) { $0.last }, [:], [])
    }

    mutating func dropUnsynced(_ random: inout RandomStream) {
        (durable, versions, lengths) = (found(&random), [:], [])
    }

    /// The file after the power went.
    func afterPowerLoss(_ random: inout RandomStream) -> File {
        var file = File()
        file.data = found(&random)
        file.isSynced = true
        return file
    }
}

private struct State: Sendable {
    var random: RandomStream
    var capacity: Int
    var operations = 0
    var history: [String] = []
    var failure: Failure?
    var isGone = false
    var isLying = false
    var locks: Set<String> = []

    var files: [Int: File] = [:]
    var names: [String: Node] = ["/": .folder]
    private var durableNames: [String: Node] = ["/": .folder]
    private var changes: [NameChange] = []
    private var nextFile = 0

    init(random: RandomStream, capacity: Int) { (self.random, self.capacity) = (random, capacity) }

    var used: Int {
        names.values.reduce(0) { sum, node in
            guard case .file(let number) = node else { return sum }
            return sum + (files[number]?.data.count ?? 0)
        }
    }
    var free: Int { max(0, capacity - used) }

    /// Counts a change, and throws where it is to fail.
    mutating func begin(_ what: String, _ path: String) throws {
        if isGone { throw SemblanceTestSupport.failure(path, what, EIO) }
        operations += 1
        history.append("\(what) \(path)")
        guard let failure, operations == failure.operation || failure.lasting && operations > failure.operation else {
            return
        }
        history[history.count - 1] += " FAILS"
        throw SemblanceTestSupport.failure(path, what, failure.reason)
    }

    func expectFolder(_ path: String) throws {
        if isGone || names[path] != .folder {
            throw FileError(.unreadable, path: path, doing: "opening the folder", reason: isGone ? EIO : ENOENT)
        }
    }

    func file(_ path: String) throws -> Int {
        guard !isGone, case .file(let number) = names[path] else {
            throw FileError(.unreadable, path: path, doing: "opening", reason: isGone ? EIO : ENOENT)
        }
        return number
    }

    mutating func createFile(_ path: String) -> Int {
        nextFile += 1
        files[nextFile] = File()
        change(.add(path, .file(nextFile)))
        return nextFile
    }

    mutating func change(_ change: NameChange) {
        change.apply(to: &names)
        changes.append(change)
    }

    mutating func append(_ bytes: ArraySlice<UInt8>, to number: Int) { files[number]?.append(bytes) }

    /// Makes the changes in a folder certain, or the first of them.
    mutating func synchroniseNames(in folder: String, part: Bool) {
        let mine = changes.filter { $0.folder == folder }
        var count = part ? Int.random(in: 0...mine.count, using: &random) : mine.count
        changes.removeAll { change in
            guard change.folder == folder, count > 0 else { return false }
            count -= 1
            change.apply(to: &durableNames)
            return true
        }
    }

    mutating func restart() {
        (operations, history, failure, isGone, locks) = (0, [], nil, false, [])
    }

    func afterPowerLoss(_ random: RandomStream) -> State {
        var random = random
        var found = State(random: random, capacity: capacity)
        var names = durableNames
        // In order, as file systems with a journal do; or any.
        let isPrefix = Bool.random(using: &random)
        let count = Int.random(in: 0...changes.count, using: &random)
        for (index, change) in changes.enumerated() {
            guard isPrefix ? index < count : Bool.random(using: &random) else { continue }
            change.apply(to: &names)
        }
        // What is in a folder that isn't there isn't either.
        for path in names.keys.sorted() where names[parent(of: path)] != .folder { names[path] = nil }
        for node in names.values.sorted(by: { $0.order < $1.order }) {
            guard case .file(let number) = node else { continue }
            found.files[number] = files[number]?.afterPowerLoss(&random)
        }
        (found.names, found.durableNames, found.nextFile, found.random) = (names, names, nextFile, random)
        return found
    }
}

extension Node {
    fileprivate var order: Int { if case .file(let number) = self { number } else { 0 } }
}
