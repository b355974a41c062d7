internal import CSemblanceText
internal import Foundation

/// A point in time of the years 1 to 9999, in milliseconds since 1970: how dates are compared.
struct Milliseconds: Hashable, Comparable, Sendable {
    let count: Int64

    private static let limits = -62_135_596_800_000.0..<253_402_300_800_000.0

    /// The nearest millisecond; nil outside these years.
    init?(_ date: Date) {
        let exact = (date.timeIntervalSince1970 * 1000).rounded()
        guard Self.limits.contains(exact) else { return nil }
        count = Int64(exact)
    }

    /// What a text in ISO 8601 says; nil for any other text.
    init?(reading text: String) {
        let length = text.utf8.count
        // The longest is a date, a time with any number of digits and an offset.
        guard length >= 10, length <= 64, text.utf8.first.map({ $0 >= 48 && $0 <= 57 }) == true else { return nil }
        var text = text
        var found: Int64 = 0
        guard text.withUTF8({ unsafe semblance_date_read($0.baseAddress, $0.count, &found) }),
            Self.limits.contains(Double(found))
        else { return nil }
        count = found
    }

    var date: Date { Date(timeIntervalSince1970: Double(count) / 1000) }

    /// `2024-05-01T12:30:15Z`, with `.250` before the Z where there are milliseconds.
    var text: String {
        unsafe String(unsafeUninitializedCapacity: Int(SEMBLANCE_DATE_LENGTH)) {
            unsafe semblance_date_write(count, $0.baseAddress!)
        }
    }

    static func < (left: Milliseconds, right: Milliseconds) -> Bool { left.count < right.count }
}
