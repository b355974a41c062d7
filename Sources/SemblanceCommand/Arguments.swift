// Values of the library as arguments of the command.

public import ArgumentParser
public import Semblance

extension OptimizerConfiguration.Rule: ExpressibleByArgument {}
extension LearningRateSchedule: ExpressibleByArgument {}
extension NegativeSource: ExpressibleByArgument {}
extension MiningConfiguration.Pick: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
extension Role: ExpressibleByArgument {}
extension Metric: ExpressibleByArgument {}
extension RankFusion.Method: ExpressibleByArgument {}

extension SearchMode: ExpressibleByArgument {
    /// A mode in words.
    public init?(argument: String) { try? self.init(parsing: argument) }
}

extension IndexKind: ExpressibleByArgument {
    /// A kind in words.
    public init?(argument: String) { try? self.init(parsing: argument) }
}
