/// When a change of an index in a folder is on the disk.
///
/// Whatever is chosen, a change that returned survives the end of the process; the choice is about the loss of power.
public enum Durability: Hashable, Sendable, Codable {
    /// When its call returns. Calls that come together share one sync of the disk.
    case everyWrite
    /// So long after its call returned at most.
    case interval(seconds: Double)
    /// When ``VectorIndex/flush()`` returns.
    case manual
}
