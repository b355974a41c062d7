// Random numbers by counter: number i of a stream is a function of (seed, stream, i) alone.

internal import CSemblanceKernels

/// A position in one of 2⁶⁴ streams of random numbers; saving it and going on later gives the same numbers.
///
/// The same on every machine. Streams of one seed are independent of each other, so work that is done in any order (the
/// chunks of a batch, the epochs of a run) takes a stream each instead of sharing one.
///
/// - Note: Source: Philox 4×32-10, Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", §4.3.
public struct RandomStream: RandomNumberGenerator, Hashable, Sendable, Codable {
    /// What the caller chose; another seed gives unrelated numbers.
    public let seed: UInt64
    /// Which of the seed's streams this is.
    public let stream: UInt64
    /// How many 64-bit numbers have been taken.
    public private(set) var position: UInt64

    /// The numbers of a stream from `position` on.
    public init(seed: UInt64, stream: UInt64 = 0, position: UInt64 = 0) {
        self.seed = seed
        self.stream = stream
        self.position = position
    }

    /// The next 64 random bits: half of a block of the generator.
    public mutating func next() -> UInt64 {
        var words: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
        unsafe withUnsafeMutablePointer(to: &words) { words in
            unsafe words.withMemoryRebound(to: UInt32.self, capacity: 4) { words in
                unsafe semblance_philox(seed, stream, position / 2, words)
            }
        }
        let low = position % 2 == 0 ? words.0 : words.2
        let high = position % 2 == 0 ? words.1 : words.3
        position += 1
        return UInt64(low) | UInt64(high) << 32
    }

    /// A matrix of numbers uniform in `range`: low + u · (high − low), u in [0, 1) with 24 bits.
    public mutating func uniform(rows: Int, columns: Int, in range: ClosedRange<Float> = 0...1) -> Matrix {
        var matrix = Matrix(uninitializedRows: rows, columns: columns)
        let count = matrix.count
        let block = takeBlocks(count / 4 + (count % 4 == 0 ? 0 : 1))
        unsafe matrix.withMutablePointer { numbers in
            unsafe semblance_random_uniform(seed, stream, block, range.lowerBound, range.upperBound, numbers, count)
        }
        return matrix
    }

    /// A matrix of numbers of the normal distribution with mean 0.
    public mutating func normal(rows: Int, columns: Int, deviation: Float = 1) -> Matrix {
        var matrix = Matrix(uninitializedRows: rows, columns: columns)
        let count = matrix.count
        let block = takeBlocks(count / 4 + (count % 4 == 0 ? 0 : 1))
        unsafe matrix.withMutablePointer { numbers in
            unsafe semblance_random_normal(seed, stream, block, deviation, numbers, count)
        }
        return matrix
    }

    /// The numbers below `count` in random order, each order as likely.
    public mutating func permutation(of count: Int) -> [Int] {
        precondition(count >= 0, "a permutation of \(count) numbers was asked for")
        let block = takeBlocks(count / 2)
        return unsafe [Int](unsafeUninitializedCapacity: count) { places, initialized in
            if let places = places.baseAddress {
                unsafe semblance_random_permutation(seed, stream, block, places, count)
            }
            initialized = count
        }
    }

    /// Moves past so many whole blocks (two numbers each) and returns the first one's counter.
    private mutating func takeBlocks(_ count: Int) -> UInt64 {
        let first = position / 2 + position % 2
        position = 2 * (first + UInt64(count))
        return first
    }
}
