internal import SemblanceNumerics

/// The rows of a batch by what they belong to.
struct RowGroups {
    /// The groups that are in the batch, in ascending order.
    let numbers: [Int]
    /// The mean loss of each.
    let losses: [Double]
    /// `[B, groups]`: what each row is of its group's mean: 1 / its rows, else 0.
    let shares: Matrix
    private let places: [Int]
    private let counts: [Int]

    /// - Parameters:
    ///   - groups: the group of each row.
    ///   - losses: the loss of each row.
    init(_ groups: [Int], losses: [Double]) {
        numbers = Set(groups).sorted()
        let place = Dictionary(uniqueKeysWithValues: numbers.enumerated().map { ($1, $0) })
        places = groups.map { place[$0] ?? 0 }
        var counts = [Int](repeating: 0, count: numbers.count)
        var sums = [Double](repeating: 0, count: numbers.count)
        for (row, place) in places.enumerated() {
            counts[place] += 1
            sums[place] += losses[row]
        }
        self.counts = counts
        self.losses = zip(sums, counts).map { $0 / Double($1) }
        var shares = Matrix(rows: groups.count, columns: numbers.count)
        for (row, place) in places.enumerated() { shares[row, place] = 1 / Float(counts[place]) }
        self.shares = shares
    }

    /// The rows' weights, 1 on average, with which the mean over rows is the weighted mean of the groups' mean losses.
    func rowWeights(_ weights: [Double]) -> [Float] {
        let unit = Double(places.count) / weights.reduce(0, +)
        return places.map { Float(unit * weights[$0] / Double(counts[$0])) }
    }
}
