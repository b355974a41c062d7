import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import Testing

@Suite struct MetadataIndexTests {
    /// An index beside what is in it.
    private struct Walk {
        var index = MetadataIndex()
        var all: [UInt32: Metadata] = [:]

        mutating func insert(_ number: UInt32, _ metadata: Metadata) {
            remove(number)
            index.insert(number: number, metadata)
            all[number] = metadata
        }

        mutating func remove(_ number: UInt32) {
            guard let metadata = all.removeValue(forKey: number) else { return }
            index.remove(number: number, metadata)
        }

        func matching(_ filter: Filter) -> [UInt32] { all.filter { filter.matches($0.value) }.keys.sorted() }

        func check(_ filter: Filter) {
            let (found, expected) = (index.evaluate(filter), matching(filter))
            #expect(found.numbers == expected, "\(filter)")
            #expect(index.estimate(filter) >= expected.count, "\(filter)")
            #expect(index.estimate(filter) <= all.count)
            #expect(index.estimate(!filter) >= all.count - expected.count)
            switch filter.node {
            case .compare, .between, .within, .exists: #expect(index.estimate(filter) == expected.count, "\(filter)")
            default: break
            }
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `an index finds what a look at each document finds`(seed: UInt64) {
        var random = RandomStream(seed: seed)
        var walk = Walk()
        var copies: [Walk] = []
        for round in 0..<8 {
            for _ in 0..<60 {
                let number = UInt32.random(in: 0..<150, using: &random) * (seed % 2 == 0 ? 1 : 1_000_003)
                if Int.random(in: 0..<3, using: &random) == 0 {
                    walk.remove(number)
                } else {
                    walk.insert(number, random.metadata())
                }
            }
            for _ in 0..<40 { walk.check(random.filter(anything: true)) }
            if round % 3 == 0 { copies.append(walk) }
        }
        for copy in copies { for _ in 0..<20 { copy.check(random.filter()) } }
        for number in walk.all.keys.sorted() { walk.remove(number) }
        #expect(walk.index.count == 0)
        for _ in 0..<20 { #expect(walk.index.evaluate(random.filter()).isEmpty) }
    }

    /// Values that fill many blocks, in order or not, of each kind.
    @Test(arguments: [0, 1, 2])
    func `ranges over many values are those of a look at each document`(order: Int) {
        var random = RandomStream(seed: UInt64(order))
        var walk = Walk()
        func metadata(_ value: Int) -> Metadata {
            [
                "number": .number(Double(value) / 8 - 300),
                "date": .date(Date(timeIntervalSince1970: Double(value) * 60)),
                "text": .string("t\(value)"), "odd": .boolean(value % 2 == 1),
                "tags": .list([.string("t\(value / 2)"), .number(Double(value % 7))]),
            ]
        }
        func filters(_ low: Int, _ high: Int) -> [Filter] {
            let (low, high) = (metadata(low), metadata(high))
            return ["number", "date", "text"].flatMap { name -> [Filter] in
                guard let low = low[name], let high = high[name] else { return [] }
                return [
                    .between(name, low, high), .less(name, high), .lessOrEqual(name, high), .greater(name, low),
                    .greaterOrEqual(name, low), .equals(name, low), .in(name, [low, high, 7]),
                    .greater(name, low) && .less(name, high) && .equals("odd", true), !.between(name, low, high),
                ]
            } + [.contains("tags", .string("t\(low)")), .contains("tags", 3), .equals("odd", false)]
        }
        let count = 3000
        for step in 0..<count {
            let number = UInt32(order == 2 ? count - step : step)
            walk.insert(number, metadata(order == 0 ? step : Int.random(in: 0..<4000, using: &random)))
        }
        let copy = walk
        for _ in 0..<5 {
            for filter in filters(Int.random(in: 0..<4000, using: &random), Int.random(in: 0..<4000, using: &random)) {
                walk.check(filter)
            }
        }
        for number in walk.all.keys.sorted() where Int.random(in: 0..<4, using: &random) > 0 { walk.remove(number) }
        for number in 0..<200 as Range<UInt32> { walk.insert(100 * number, metadata(Int(number))) }
        for filter in filters(500, 2500) {
            walk.check(filter)
            copy.check(filter)
        }
    }

    @Test func `a slot is added and removed once`() async {
        await #expect(processExitsWith: .failure) {
            var index = MetadataIndex()
            index.insert(number: 1, ["a": 1])
            index.insert(number: 1, ["a": 1])
        }
        await #expect(processExitsWith: .failure) {
            var index = MetadataIndex()
            index.remove(number: 1, ["a": 1])
        }
    }
}
