import ArgumentParser
import Foundation
import Semblance

/// A writer to kill, and a reader of what it left; crash.py drives both.
///
/// The vector of an id is made of the id and of the number of the change that put it there, so every one can be checked.
/// The writer says each change before it makes it, `begin TASK CHANGE put|remove|compact FIRST COUNT STEP`, and
/// `done CHANGE` when it is acknowledged.
@main struct CrashBenchmark: AsyncParsableCommand {
    @Argument(help: "The index' folder.") var folder: String
    @Option(help: "What the changes are drawn from; another one for each run.") var seed: UInt64 = 0
    @Option(help: "The number of the first change.") var first = 1
    @Option(help: "Ids are 0 to this.") var ids = 60_000
    @Option(help: "Tasks that change at the same time, each ids of its own.") var tasks = 2
    @Flag(help: "Write what the index holds, as pairs of id and change in binary, and end.") var dump = false

    static let dimension = 32

    func run() async throws {
        if dump { return try await writeDump() }
        var maintenance = MaintenanceConfiguration()
        maintenance.sealingCount = 1024
        let url = URL(fileURLWithPath: folder)
        let index =
            FileManager.default.fileExists(atPath: folder + "/index.json")
            ? try VectorIndex.open(at: url, maintenance: maintenance)
            : try VectorIndex.create(
                at: url,
                dimension: Self.dimension,
                metric: .l2,
                kind: .hnsw,
                maintenance: maintenance
            )
        let counter = Counter(first)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<tasks {
                group.addTask { try await change(index, task: task, counter) }
            }
            try await group.waitForAll()
        }
    }

    /// Changes the ids that are `task` modulo the number of tasks, for ever.
    private func change(_ index: VectorIndex, task: Int, _ counter: Counter) async throws {
        var random = SplitMix(state: seed &* 1_000_003 &+ UInt64(task))
        let own = ids / tasks
        while true {
            let change = await counter.next()
            let kind = random.next() % 100
            let isLarge = kind < 3 || index.count < ids / 2
            let count = isLarge ? 4000 : 1 + Int(random.next() % 200)
            let (first, step) = (Int(random.next() % UInt64(own)), 1 + Int(random.next() % 7))
            let what = kind == 99 && task == 0 ? "compact" : kind >= 75 && !isLarge ? "remove" : "put"
            say("begin \(task) \(change) \(what) \(first) \(count) \(step)")
            let places = Array(Set((0..<count).map { (first + $0 * step) % own }))
            let changed = places.map { Int64($0 * tasks + task) }
            switch what {
            case "compact": try await index.compact()
            case "remove": try await index.remove(changed)
            default:
                let elements = changed.flatMap { Self.vector(Int($0), change) }
                try await index.upsert(
                    Matrix(rows: changed.count, columns: Self.dimension, elements: elements),
                    ids: changed
                )
            }
            say("done \(change)")
        }
    }

    private func writeDump() async throws {
        let index = try VectorIndex.open(at: URL(fileURLWithPath: folder), readOnly: true)
        let ids = index.ids
        guard Set(ids).count == ids.count, ids.count == index.count else { throw Wrong("an id is there twice") }
        var pairs: [Int64] = []
        for id in ids {
            guard let vector = try index.vector(of: id) else { throw Wrong("\(id) has no vector") }
            let change = Int(vector[1])
            guard vector == Self.vector(Int(id), change) else { throw Wrong("\(id) has another vector") }
            pairs += [id, Int64(change)]
        }
        for id in ids.prefix(20) {
            guard let vector = try index.vector(of: id),
                try index.nearest(to: vector, count: 1, effort: 400).first?.id == id
            else { throw Wrong("\(id) isn't found") }
        }
        FileHandle.standardOutput.write(pairs.withUnsafeBytes { Data($0) })
    }

    static func vector(_ id: Int, _ change: Int) -> [Float] {
        var random = SplitMix(state: UInt64(id) &* 7_919 &+ UInt64(change))
        return [Float(id), Float(change)] + (2..<dimension).map { _ in Float(random.next() >> 40) / 256 }
    }

    private func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
}

private struct Wrong: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

private actor Counter {
    private var value: Int
    init(_ first: Int) { value = first }
    func next() -> Int {
        defer { value += 1 }
        return value
    }
}

private struct SplitMix {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}
