import SemblanceNumerics
import SemblanceRetrieval
import Testing

@Suite struct NumberSetTests {
    /// Numbers as they come up: dense and sparse blocks, borders of words and blocks, the greatest ones.
    private func numbers(_ random: inout RandomStream) -> [UInt32] {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return []
        case 1: return (0..<20).map { _ in UInt32.random(in: 0...UInt32.max, using: &random) }
        case 2: return (0..<9000).map { _ in UInt32.random(in: 0..<70_000, using: &random) }
        case 3:
            let first = UInt32.random(in: 0..<200_000, using: &random)
            return Array(first..<first + UInt32.random(in: 1..<80_000, using: &random))
        case 4: return [0, 1, 63, 64, 65_535, 65_536, 131_071, .max, .max - 1]
        default: return (0..<4100).map { 65_536 + 3 * $0 }
        }
    }

    private func set(_ numbers: some Sequence<UInt32>) -> NumberSet {
        var set = NumberSet()
        for number in numbers { set.insert(number) }
        return set
    }

    private func expectSame(_ found: NumberSet, _ expected: Set<UInt32>, _ what: String) {
        #expect(found.numbers == expected.sorted(), "\(what)")
        #expect(found.count == expected.count, "\(what)")
        #expect(found.isEmpty == expected.isEmpty, "\(what)")
        #expect(found.last == expected.max(), "\(what)")
        #expect(found == set(expected), "\(what)")
    }

    @Test(arguments: 0..<30 as Range<UInt64>)
    func `union, intersection and subtraction are those of Swift's sets`(seed: UInt64) {
        var random = RandomStream(seed: seed)
        let (left, right) = (Set(numbers(&random)), Set(numbers(&random)))
        let (a, b) = (NumberSet(sorted: left.sorted()), set(right))
        expectSame(a, left, "sorted")
        expectSame(b, right, "inserted")
        expectSame(a.union(b), left.union(right), "union")
        expectSame(a.intersection(b), left.intersection(right), "intersection")
        expectSame(a.subtracting(b), left.subtracting(right), "subtraction")
        expectSame(a.union(a), left, "union with itself")
        expectSame(a.intersection(a), left, "intersection with itself")
        expectSame(a.subtracting(a), [], "subtraction of itself")
        expectSame(a.subtracting(set(left)), [], "subtraction of its equal")
        expectSame(a, left, "untouched by what was made of it")
        expectSame(b, right, "untouched by what was made of it")
        #expect((a == b) == (left == right))
        #expect(Array(a) == left.sorted())
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func `a walk of changes leaves what it leaves of Swift's set, and copies as they were`(seed: UInt64) {
        var random = RandomStream(seed: seed)
        var (found, expected) = (NumberSet(), Set<UInt32>())
        var copies: [(NumberSet, Set<UInt32>)] = []
        for _ in 0..<40 {
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                for number in numbers(&random) { #expect(found.insert(number) == expected.insert(number).inserted) }
            case 1:
                for number in numbers(&random) + expected.prefix(3000) {
                    #expect(found.remove(number) == (expected.remove(number) != nil))
                }
            case 2:
                let other = numbers(&random)
                found.formUnion(set(other))
                expected.formUnion(other)
            case 3:
                let other = Set(numbers(&random) + expected.prefix(5000))
                found.formIntersection(set(other))
                expected.formIntersection(other)
            case 4:
                let other = numbers(&random)
                found.subtract(set(other))
                expected.subtract(other)
            default: copies.append((found, expected))
            }
            for number in numbers(&random).prefix(50) { #expect(found.contains(number) == expected.contains(number)) }
            for number in expected.prefix(50) { #expect(found.contains(number)) }
        }
        expectSame(found, expected, "at the end")
        for (copy, expected) in copies { expectSame(copy, expected, "copy") }
    }

    @Test(arguments: [0..<0, 0..<1, 5..<5, 0..<65_536, 65_535..<65_537, 100..<4196, 100..<4197, 7..<300_001])
    func `a range has its numbers`(range: Range<UInt32>) {
        expectSame(NumberSet(range), Set(range), "\(range)")
        expectSame(NumberSet((UInt32.max - 100)..<UInt32.max), Set((UInt32.max - 100)..<UInt32.max), "at the end")
    }

    @Test(arguments: 0..<30 as Range<UInt64>)
    func `bits are those of the members below the length`(seed: UInt64) {
        var random = RandomStream(seed: seed)
        let members = Set(numbers(&random).filter { $0 < 1_000_000 })
        let found = set(members)
        let any = Int.random(in: 0..<300_000, using: &random)
        for count in [0, 1, 7, 8, 9, 64, 65_530, 65_536, 65_537, 70_003, 140_000, any] {
            var expected = [UInt8](repeating: 0, count: (count + 7) / 8)
            for member in members where member < count { expected[Int(member) / 8] |= 1 << (member % 8) }
            #expect(found.bits(count: count) == expected, "\(count) bits")
        }
    }

    @Test func `filling leaves the other bits alone`() {
        var bytes = [UInt8](repeating: 0b1000_0001, count: 3)
        unsafe bytes.withUnsafeMutableBytes { unsafe ([1, 9, 17, 24, 100_000] as NumberSet).fill($0) }
        #expect(bytes == [0b1000_0011, 0b1000_0011, 0b1000_0011])
    }

    @Test func `a set that differs in one number is another`() {
        let numbers = Array(0..<10_000 as Range<UInt32>)
        #expect(NumberSet(sorted: numbers) == set(numbers.reversed()))
        #expect(NumberSet(sorted: numbers) != set(numbers.dropLast() + [10_000]))
        #expect(set([1, 2]) != set([1, 2 + 65_536]))
    }

    @Test func `numbers that don't ascend are refused`() async {
        await #expect(processExitsWith: .failure) { _ = NumberSet(sorted: [1, 3, 3]) }
    }
}
