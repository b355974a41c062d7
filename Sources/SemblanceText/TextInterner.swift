internal import CSemblanceText

/// Distinct texts, numbered from 0 in the order they first came.
///
/// Texts are equal when their UTF-8 bytes are: Swift's `==` also holds for other spellings of the same characters.
@safe package final class TextInterner {
    /// The texts by number.
    package private(set) var texts: [String] = []
    private let handle: OpaquePointer

    package init() {
        guard let created = unsafe semblance_interner_create() else { fatalError("out of memory for a table of texts") }
        unsafe handle = created
    }

    deinit { unsafe semblance_interner_destroy(handle) }

    /// The number of a text.
    package func intern(_ text: String) -> Int32 {
        var text = text
        let number = text.withUTF8 { unsafe semblance_intern(handle, $0.baseAddress, $0.count) }
        guard number >= 0 else { fatalError("out of memory for \(texts.count) texts") }
        if Int(number) == texts.count { texts.append(text) }
        return number
    }
}
