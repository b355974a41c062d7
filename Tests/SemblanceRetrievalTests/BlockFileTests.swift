import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import SemblanceTestSupport
import Testing

private let path = "/rows"

private func contents(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 ^ ($0 >> 7)) } }

extension BlockFileWriter {
    fileprivate func write(_ bytes: ArraySlice<UInt8>) throws {
        try unsafe bytes.withUnsafeBytes { try unsafe write($0) }
    }
}

extension BlockFile {
    fileprivate func contents(_ range: Range<Int>) throws -> [UInt8] {
        try unsafe withBytes(range) { unsafe Array($0) }
    }
}

/// A disk with one file of blocks.
private func written(_ bytes: [UInt8]) throws -> (disk: SimulatedDisk, identity: BlockFileIdentity) {
    let disk = SimulatedDisk()
    let writer = try BlockFileWriter(path, files: disk)
    try writer.write(bytes[...])
    return (disk, try writer.finish())
}

/// What opening and reading a file says of damage, or `nil`.
private func damage(_ disk: SimulatedDisk, _ identity: BlockFileIdentity?) throws -> String? {
    do {
        try BlockFile.open(path, expecting: identity, files: disk).verifyAll()
        return nil
    } catch let error as RetrievalError {
        #expect(error.code == .damagedFile && error.message.contains(path))
        return error.message
    }
}

@Suite struct BlockFileTests {
    static let block = BlockFile.blockSize

    @Test(arguments: [0, 1, 7, 8, 1000, block - 1, block, block + 1, 3 * block, 20 * block + 5])
    func `what is written in pieces is read in pieces, at the offsets it was written at`(count: Int) async throws {
        let bytes = contents(count)
        try await withTemporaryFolder { folder in
            let path = folder.appending(path: "blocks").path
            var identities: Set<BlockFileIdentity> = []
            for piece in [count + 1, 100_000, 1000] {
                let writer = try BlockFileWriter(path, files: SystemFiles())
                for start in stride(from: 0, to: count, by: piece) {
                    try writer.write(bytes[start..<min(start + piece, count)])
                }
                #expect(writer.count == count)
                identities.insert(try writer.finish())
                let file = try BlockFile.open(path, expecting: identities.first, files: SystemFiles())
                #expect(file.count == count)
                for start in stride(from: 0, to: count, by: 40_000) {
                    let range = start..<min(start + 50_000, count)
                    #expect(try file.contents(range) == Array(bytes[range]))
                }
                try file.verifyAll()
                #expect(unsafe Array(file.bytes) == bytes)
                #expect(try file.contents(count..<count) == [])
                writer.discard()
            }
            #expect(identities.count == 1)
        }
    }

    @Test func `a damaged block is named when it is read, and the others are still good`() throws {
        let bytes = contents(5 * Self.block + 100)
        let (disk, identity) = try written(bytes)
        try disk.damage(path) { $0[2 * Self.block + 7] ^= 1 }
        let file = try BlockFile.open(path, expecting: identity, files: disk)
        #expect(try file.contents(0..<2 * Self.block) == Array(bytes[..<(2 * Self.block)]))
        #expect(try file.contents(3 * Self.block..<bytes.count) == Array(bytes[(3 * Self.block)...]))
        for _ in 0..<2 {
            #expect {
                try file.verify(2 * Self.block - 1..<2 * Self.block + 1)
            } throws: { error in
                let error = error as? RetrievalError
                return error?.code == .damagedFile && error?.message.contains("\(path): block 2") == true
            }
        }
        #expect(throws: RetrievalError.self) { try file.verifyAll() }
    }

    @Test func `another whole file isn't taken for the one that is meant`() throws {
        let (disk, _) = try written(contents(1000))
        let (_, other) = try written(contents(1000).reversed())
        #expect(try damage(disk, nil) == nil)
        #expect(try damage(disk, other) != nil)
        let (longer, _) = try written(contents(1001))
        #expect(try damage(longer, other) != nil)
    }

    @Test func `every flipped bit and every cut is found`() throws {
        let (disk, identity) = try written(contents(61))
        let whole = try disk.read(path).count
        for index in 0..<whole {
            let flipped = disk.copy()
            try flipped.damage(path) { $0[index] ^= 1 << (index % 8) }
            #expect(try damage(flipped, identity) != nil)
            #expect(try damage(flipped, nil) != nil)
            let cut = disk.copy()
            try cut.damage(path) { $0.removeLast(index + 1) }
            #expect(try damage(cut, identity) != nil)
            #expect(try damage(cut, nil) != nil)
        }
        #expect(try damage(disk, identity) == nil)
    }

    @Test func `many readers may check the same blocks at once`() async throws {
        let bytes = contents(30 * Self.block)
        let (disk, identity) = try written(bytes)
        let file = try BlockFile.open(path, expecting: identity, files: disk)
        await withTaskGroup(of: Bool.self) { group in
            for task in 0..<8 {
                group.addTask {
                    (0..<60).allSatisfy { step in
                        let start = (task * 17 + step * 31) % 59 * Self.block / 2
                        return (try? file.contents(start..<start + 10)) == Array(bytes[start..<start + 10])
                    }
                }
            }
            for await isGood in group { #expect(isGood) }
        }
    }

    @Test func `a write or sync that fails throws, and a file that was finished is whole without power`() throws {
        let bytes = contents(3 * Self.block + 9)
        let (healthy, _) = try written(bytes)
        for operation in 1...healthy.operations {
            let disk = SimulatedDisk()
            disk.fail(at: operation, with: ENOSPC)
            #expect(throws: FileError.self) {
                let writer = try BlockFileWriter(path, files: disk)
                try writer.write(bytes[...])
                _ = try writer.finish()
            }
        }
        for seed in 0..<UInt64(20) {
            let (disk, identity) = try written(bytes)
            try disk.synchronise(folder: "/")
            #expect(try damage(disk.losePower(seed: seed), identity) == nil)
        }
    }
}
