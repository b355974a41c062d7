// Metadata and filters at random, over few names and values so that they meet.

import Foundation
import SemblanceNumerics
import SemblanceRetrieval

extension RandomStream {
    private mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &self)]
    }

    mutating func field() -> String { pick(["language", "year", "tags", "in", "a b", "é\"\\", "_x.y-z"]) }

    mutating func single() -> MetadataValue {
        switch Int.random(in: 0..<10, using: &self) {
        case 0, 1:
            .string(
                pick([
                    "", "en", "de", "E\u{301}", "É", "a \"quoted\" \\ 'text'\n\u{1}", "\u{301}", "true", "12", "日本",
                    "2024-05-01T12", "2024-13-01",
                ])
            )
        case 2:
            .string(
                pick([
                    "2024-05-01", "2024-05-01T00:00:00Z", "2024-05-01T02:00:00+02:00", "2024-05-01 00:00",
                    "1969-12-31T23:59:59.999Z", "0001-01-01", "9999-12-31T23:59:59.9999Z",
                ])
            )
        case 3: .date(Date(timeIntervalSince1970: pick([0, 1_714_521_600, 1_714_521_600.0004, -1.25, 1e9])))
        case 4: .boolean(Bool.random(using: &self))
        case 5:
            .number(
                pick([
                    0, -0.0, 1.5, -1e300, .leastNonzeroMagnitude, 2024, 9_007_199_254_740_992, .greatestFiniteMagnitude,
                ])
            )
        default: .number(Double(Int.random(in: -3..<6, using: &self)))
        }
    }

    mutating func metadata() -> Metadata {
        var metadata = Metadata()
        for _ in 0..<Int.random(in: 0..<6, using: &self) {
            let isList = Int.random(in: 0..<3, using: &self) == 0
            metadata[field()] =
                isList ? .list((0..<Int.random(in: 0..<4, using: &self)).map { _ in single() }) : single()
        }
        return metadata
    }

    /// A filter; one that `validate` takes unless `anything` goes.
    mutating func filter(depth: Int = 0, anything: Bool = false) -> Filter {
        func value() -> MetadataValue {
            guard anything, Int.random(in: 0..<8, using: &self) == 0 else { return single() }
            return pick([.number(.nan), .number(.infinity), ["a"], .date(.distantFuture + 1e12), true])
        }
        func ordered() -> MetadataValue {
            while true {
                let value = value()
                if anything || value.boolean == nil { return value }
            }
        }
        switch Int.random(in: 0..<(depth < 4 ? 13 : 9), using: &self) {
        case 0: return .equals(field(), value())
        case 1: return .less(field(), ordered())
        case 2: return .lessOrEqual(field(), ordered())
        case 3: return .greater(field(), ordered())
        case 4: return .greaterOrEqual(field(), ordered())
        case 5: return .between(field(), ordered(), ordered())
        case 6: return .in(field(), (0..<Int.random(in: 0..<4, using: &self)).map { _ in value() })
        case 7: return .exists(field())
        case 8: return .contains(field(), value())
        case 9: return !filter(depth: depth + 1, anything: anything)
        case 10, 11:
            return .and(
                (0..<Int.random(in: 0..<4, using: &self)).map { _ in filter(depth: depth + 1, anything: anything) }
            )
        default:
            return .or(
                (0..<Int.random(in: 0..<4, using: &self)).map { _ in filter(depth: depth + 1, anything: anything) }
            )
        }
    }
}
