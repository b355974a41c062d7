/// How well two lists of numbers agree, from −1 to 1; used on scored sentence pairs.
public enum Correlation {
    /// Pearson's correlation; `nil` if the lists have fewer than two numbers or one of them is constant.
    ///
    ///     r = Σ (x − x̄)(y − ȳ) / √(Σ (x − x̄)² · Σ (y − ȳ)²)
    ///
    /// - Precondition: both lists have the same length.
    public static func pearson(_ x: [Double], _ y: [Double]) -> Double? {
        precondition(x.count == y.count, "lists of \(x.count) and \(y.count) numbers can't be compared")
        guard x.count > 1 else { return nil }
        let meanX = x.reduce(0, +) / Double(x.count), meanY = y.reduce(0, +) / Double(y.count)
        var xx = 0.0, yy = 0.0, xy = 0.0
        for (x, y) in zip(x, y) {
            xx += (x - meanX) * (x - meanX)
            yy += (y - meanY) * (y - meanY)
            xy += (x - meanX) * (y - meanY)
        }
        guard xx > 0, yy > 0 else { return nil }
        return xy / (xx.squareRoot() * yy.squareRoot())
    }

    /// Spearman's rank correlation: Pearson's of the ranks, where equal numbers share the mean of their ranks.
    ///
    /// `nil` as for ``pearson(_:_:)``, and if a number is NaN: it has no rank.
    ///
    /// - Precondition: both lists have the same length.
    public static func spearman(_ x: [Double], _ y: [Double]) -> Double? {
        if x.contains(where: \.isNaN) || y.contains(where: \.isNaN) { return nil }
        return pearson(ranks(x), ranks(y))
    }

    private static func ranks(_ numbers: [Double]) -> [Double] {
        let order = numbers.indices.sorted { numbers[$0] < numbers[$1] }
        var ranks = [Double](repeating: 0, count: numbers.count)
        var start = 0
        while start < order.count {
            var end = start + 1
            while end < order.count, numbers[order[end]] == numbers[order[start]] { end += 1 }
            for place in order[start..<end] { ranks[place] = Double(start + end - 1) / 2 }
            start = end
        }
        return ranks
    }
}
