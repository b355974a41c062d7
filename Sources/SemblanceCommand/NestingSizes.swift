internal import ArgumentParser
internal import Semblance

/// The sizes of nested embeddings, as an argument: dimensions, `256,128,64`, or layers with dimensions, `2:32,4:64`.
struct NestingSizes: ExpressibleByArgument {
    let configuration: NestingConfiguration

    init?(argument: String) {
        let sizes = argument.split(separator: ",", omittingEmptySubsequences: false).map { size in
            size.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
        }
        let dimensions = sizes.compactMap { $0.last ?? nil }
        guard dimensions.count == sizes.count, dimensions.allSatisfy({ $0 >= 1 }) else { return nil }
        if sizes.allSatisfy({ $0.count == 1 }) {
            configuration = .matryoshka(dimensions)
            return
        }
        let layers = sizes.compactMap { $0.count == 2 ? $0[0] : nil }
        guard layers.count == sizes.count, layers.allSatisfy({ $0 >= 0 }) else { return nil }
        configuration = .starbucks(zip(layers, dimensions).map { (layer: $0, dimension: $1) })
    }
}
