internal import SemblanceNumerics

/// What FAISS is asked to make of the vectors of one segment.
struct SegmentRecipe: Hashable, Sendable {
    var factory: String
    var buildEffort = 0
    var effort = 0
    /// Whether codes are compared by distance whatever the index' metric: FAISS knows no other for them.
    var comparesByDistance = false
    /// Whether the vectors stay as they are; where they don't, they are kept beside the codes.
    var keepsVectors = true
    /// How many vectors it learns from at most; 0: it learns nothing.
    var sample = 0

    /// Whether it is a graph over the vectors as they are.
    var isGraphOfVectors: Bool { factory.hasPrefix("HNSW") && keepsVectors }

    static let exact = SegmentRecipe(factory: "Flat")

    /// Up to so many vectors, an automatic index compares with every one: for 384 dimensions it takes milliseconds.
    static let automaticLimit = 20_000

    /// How to make a segment of `count` vectors.
    ///
    /// - Parameter memory: bytes that an automatic index may take for all its vectors and links.
    init(_ kind: IndexKind, count: Int, dimension: Int, memory: Int? = nil) {
        switch kind {
        case .automatic: self = Self.automatic(count: count, dimension: dimension, memory: memory ?? .max)
        case .exact: self = .exact
        case .hnsw(let configuration):
            self.init(
                factory: "HNSW\(configuration.links),Flat",
                buildEffort: configuration.buildEffort,
                effort: configuration.effort
            )
        case .ivf(let configuration):
            // No list of its own for less than a dozen vectors.
            let usual = max(1, min(Int(4 * Double(count).squareRoot()), count / 12))
            let lists = configuration.lists ?? usual
            self.init(factory: "IVF\(lists),Flat", effort: configuration.probes, sample: 256 * lists)
        case .codes(let configuration):
            let factory =
                switch configuration.code {
                case .int8: "SQ8"
                case .int4: "SQ4"
                case .product: "PQ\(configuration.bytes)"
                case .binary: "LSH"
                }
            self.init(
                factory: factory,
                comparesByDistance: configuration.code == .binary,
                keepsVectors: false,
                sample: configuration.code == .product ? 65_536 : 100_000
            )
        case .factory(let string):
            let isFlat = string.wholeMatch(of: /((IVF|HNSW)\d+,)?Flat|HNSW\d+/) != nil
            self.init(factory: string, keepsVectors: isFlat, sample: 1 << 20)
        }
    }

    init(
        factory: String,
        buildEffort: Int = 0,
        effort: Int = 0,
        comparesByDistance: Bool = false,
        keepsVectors: Bool = true,
        sample: Int = 0
    ) {
        self.factory = factory
        self.buildEffort = buildEffort
        self.effort = effort
        self.comparesByDistance = comparesByDistance
        self.keepsVectors = keepsVectors
        self.sample = sample
    }

    /// The fastest that fits: vectors before bytes before signs, with a graph where there are many.
    private static func automatic(count: Int, dimension: Int, memory: Int) -> SegmentRecipe {
        let (floats, links) = (4 * dimension, 65 * 4)
        func codes(_ code: CodesConfiguration.Code) -> SegmentRecipe {
            SegmentRecipe(.codes(CodesConfiguration(code)), count: count, dimension: dimension)
        }
        let graph = SegmentRecipe(.hnsw, count: count, dimension: dimension)
        var graphOfBytes = codes(.int8)
        graphOfBytes.factory = "HNSW32,SQ8"
        graphOfBytes.effort = graph.effort
        graphOfBytes.buildEffort = graph.buildEffort
        let choices: [(recipe: SegmentRecipe, bytes: Int)] =
            count <= automaticLimit
            ? [(.exact, floats), (codes(.int8), dimension)]
            : [(graph, floats + links), (graphOfBytes, dimension + links), (codes(.int8), dimension)]
        return choices.first { count * $0.bytes <= memory }?.recipe ?? codes(.binary)
    }
}

extension IndexKind {
    /// How many times the hits asked for are compared again by their vectors, where codes are searched.
    func oversampling(in segment: Segment) -> Int {
        if case .codes(let configuration) = self { configuration.oversampling } else { segment.usualOversampling }
    }
}
