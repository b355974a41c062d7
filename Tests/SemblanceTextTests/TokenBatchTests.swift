import SemblanceText
import Testing

@Suite struct TokenBatchTests {
    static func random(_ generator: inout SeededGenerator) -> [[Int32]] {
        (0..<Int.random(in: 0...20, using: &generator)).map { _ in
            (0..<Int.random(in: 0...5, using: &generator)).map { _ in Int32.random(in: 0...99, using: &generator) }
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `a batch holds the texts it is made of, and appending puts them one after another`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let (first, second) = (Self.random(&generator), Self.random(&generator))
        var batch = TokenBatch(first)
        batch.append(contentsOf: TokenBatch(second))
        #expect(batch.count == first.count + second.count)
        #expect(batch.tokenCount == (first + second).reduce(0) { $0 + $1.count })
        #expect((0..<batch.count).map { Array(batch[$0]) } == first + second)
        #expect(batch == TokenBatch(first + second))
        #expect(batch != TokenBatch(first + second + [[]]))
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `selecting gathers texts in the order asked for, again and again`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let texts = [[7, 8]] + Self.random(&generator)
        let chosen = (0..<40).map { _ in Int32.random(in: 0..<Int32(texts.count), using: &generator) }
        let selected = TokenBatch(texts).selecting(chosen)
        #expect(selected == TokenBatch(chosen.map { texts[Int($0)] }))
        #expect(selected.offsets.first == 0)
        #expect(TokenBatch(texts).selecting([0, 0]) != TokenBatch([texts[0]]))
        #expect(TokenBatch(texts).selecting([]) == TokenBatch())
    }

    @Test func `selecting a text that isn't there stops the process`() async {
        await #expect(processExitsWith: .failure) { _ = TokenBatch([[1]]).selecting([1]) }
        await #expect(processExitsWith: .failure) { _ = TokenBatch([[1]]).selecting([-1]) }
        await #expect(processExitsWith: .failure) { _ = TokenBatch()[0] }
    }
}
