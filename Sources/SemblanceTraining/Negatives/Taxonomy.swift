/// The positives of a training set by group, where groups are paths such as `science/physics/optics`.
///
/// Two rows are as near as their paths' common beginning is long. A group without `/` is a path of one part.
struct Taxonomy: Sendable {
    /// By group: its path's branches, the whole path first, by number.
    private let branches: [[Int32]]
    /// By branch: the documents of all rows in it, each once.
    private let members: [[Int32]]

    /// - Parameter places: by text number; −1 is left out.
    init(_ set: TrainingSet, places: [Int32]) {
        var numbers: [String: Int32] = [:]
        func number(_ path: String) -> Int32 {
            if let number = numbers[path] { return number }
            let number = Int32(numbers.count)
            numbers[path] = number
            return number
        }
        branches = set.groups.map { group in
            let parts = group.split(separator: "/", omittingEmptySubsequences: true)
            // A group of slashes alone is a branch of its own.
            return (1...max(parts.count, 1)).reversed().map { number(parts.prefix($0).joined(separator: "/")) }
        }
        var members = [[Int32]](repeating: [], count: numbers.count)
        var isThere = [Set<Int32>](repeating: [], count: numbers.count)
        for row in set.rows where row.group >= 0 {
            for positive in row.positives where places[Int(positive)] >= 0 {
                let place = places[Int(positive)]
                for branch in branches[Int(row.group)] where isThere[Int(branch)].insert(place).inserted {
                    members[Int(branch)].append(place)
                }
            }
        }
        self.members = members
    }

    /// The documents of a group's branches, the nearest branch first, until there are `count`: each with how many parts
    /// of the path lie between, all of one branch or none.
    func nearest(to group: Int32, count: Int) -> [(place: Int32, distance: Int32)] {
        guard group >= 0 else { return [] }
        var result: [(place: Int32, distance: Int32)] = []
        var seen = Set<Int32>()
        for (distance, branch) in branches[Int(group)].enumerated() where result.count < count {
            for place in members[Int(branch)] where seen.insert(place).inserted {
                result.append((place, Int32(distance)))
            }
        }
        return result
    }
}
