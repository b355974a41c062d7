import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import SemblanceTestSupport
import Testing

extension WritableFile {
    fileprivate func write(_ byte: UInt8, count: Int) throws {
        try unsafe [UInt8](repeating: byte, count: count).withUnsafeBytes { try unsafe write($0) }
    }
}

extension FileLayer {
    /// All bytes of a file, if it is there.
    func contents(_ path: String) -> [UInt8]? { try? unsafe read(path).withBytes { unsafe Array($0) } }
}

/// The other tests are worth as much as what this disk does to them.
@Suite struct SimulatedDiskTests {
    /// A disk with `/a`, of which two sectors are synced and two aren't.
    private func half() throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        let file = try disk.create("/a")
        try file.write(1, count: 1024)
        try file.synchronise()
        try disk.synchronise(folder: "/")
        try file.write(2, count: 512)
        try file.write(3, count: 512)
        return disk
    }

    @Test func `what is synced stays, and any part of the rest may be found`() throws {
        var found: Set<[UInt8]> = []
        for seed in 0..<UInt64(300) {
            let contents = try #require(try half().losePower(seed: seed).contents("/a"))
            #expect(contents.starts(with: [UInt8](repeating: 1, count: 1024)))
            found.insert(stride(from: 1024, to: contents.count, by: 512).map { contents[$0] })
        }
        // Nothing, one sector and both; a later one without the one before; lengths without contents.
        #expect(found == [[], [2], [0], [2, 3], [0, 3], [2, 0], [0, 0]])
    }

    @Test func `a sync that fails drops what it should have written, for good`() throws {
        var lost = 0
        for seed in 0..<UInt64(50) {
            let disk = SimulatedDisk(seed: seed)
            let file = try disk.create("/a")
            try disk.synchronise(folder: "/")
            try file.write(1, count: 5000)
            disk.fail(at: disk.operations + 1)
            #expect(throws: FileError.self) { try file.synchronise() }
            try file.write(2, count: 5000)
            try file.synchronise()
            #expect(disk.contents("/a")?.first == 1 && disk.contents("/a")?.last == 2)
            let found = try #require(disk.losePower(seed: seed).contents("/a"))
            #expect(found.count == 10_000 && found.last == 2)
            if found.first != 1 { lost += 1 }
        }
        #expect(lost > 10 && lost < 50)
    }

    @Test func `names are found old or new, and after a sync of the folder new`() throws {
        for isSynced in [false, true] {
            var found: Set<[String]> = []
            for seed in 0..<UInt64(100) {
                let disk = SimulatedDisk()
                for path in ["/a", "/b"] { try disk.create(path).write(1, count: 1) }
                try disk.synchronise(folder: "/")
                try disk.rename("/a", to: "/c")
                try disk.remove("/b")
                _ = try disk.create("/d")
                if isSynced { try disk.synchronise(folder: "/") }
                found.insert(try disk.losePower(seed: seed).names(in: "/").sorted())
            }
            #expect(found.contains(["c", "d"]) && found.count == (isSynced ? 1 : 8))
        }
    }

    @Test func `a folder that wasn't synced takes what is in it along`() throws {
        let lost = try (0..<UInt64(20)).filter { seed in
            let disk = SimulatedDisk()
            try disk.createFolder("/f")
            let file = try disk.create("/f/a")
            try file.synchronise()
            try disk.synchronise(folder: "/f")
            return !disk.losePower(seed: seed).exists("/f/a")
        }
        #expect(!lost.isEmpty && lost.count < 20)
    }

    @Test func `what is to fail fails, once or until it is healed`() throws {
        let disk = SimulatedDisk()
        let file = try disk.create("/a")
        disk.fail(at: 3, with: ENOSPC)
        try file.write(1, count: 100)
        #expect(throws: FileError.self) { try file.write(2, count: 100) }
        #expect(try #require(disk.contents("/a")).count < 200)
        try file.truncate(to: 100)
        disk.fail(at: disk.operations + 1, lasting: true)
        for _ in 0..<3 {
            #expect(throws: FileError.self) { try disk.rename("/a", to: "/b") }
            #expect(throws: FileError.self) { try disk.synchronise(folder: "/") }
            #expect(throws: FileError.self) { try file.truncate(to: 0) }
            #expect(throws: FileError.self) { try disk.create("/c") }
        }
        disk.heal()
        try disk.rename("/a", to: "/b")
        #expect(disk.contents("/b") == [UInt8](repeating: 1, count: 100))
    }

    @Test func `a full disk takes what fits`() throws {
        let disk = SimulatedDisk(capacity: 150)
        let file = try disk.create("/a")
        try file.write(1, count: 100)
        #expect(throws: FileError.self) { try file.write(2, count: 100) }
        #expect(disk.contents("/a")?.count == 150)
        try file.truncate(to: 10)
        try file.write(2, count: 100)
    }

    @Test func `a lock goes with the process, and a process that is gone changes nothing`() throws {
        let disk = SimulatedDisk()
        let lock = try disk.lock("/lock")
        #expect(throws: FileError.self) { try disk.lock("/lock") }
        let file = try disk.create("/a")
        let next = disk.kill()
        _ = try next.lock("/lock")
        #expect(throws: FileError.self) { try file.write(1, count: 1) }
        #expect(next.contents("/a") == [])
        withExtendedLifetime(lock) {}
    }
}
