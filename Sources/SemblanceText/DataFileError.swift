public import Foundation

/// What is wrong with a file of data: where, what, and what to do.
public struct DataFileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure.
    public struct Code: Hashable, Sendable {
        private let name: String

        /// The file can't be read: it is missing, a folder, or not ours to open.
        public static let unreadable = Code(name: "unreadable")
        /// The file can't be written.
        public static let unwritable = Code(name: "unwritable")
        /// A line isn't UTF-8.
        public static let notUTF8 = Code(name: "notUTF8")
        /// A line isn't what the format asks for, such as one JSON value.
        public static let malformedLine = Code(name: "malformedLine")
        /// A field that every line must have is missing from one.
        public static let missingField = Code(name: "missingField")
        /// A field's value isn't of the field's type, or not one that it may have.
        public static let wrongValue = Code(name: "wrongValue")
        /// An identifier occurs twice.
        public static let repeatedIdentifier = Code(name: "repeatedIdentifier")
        /// A line names what isn't in another file of the set.
        public static let unknownIdentifier = Code(name: "unknownIdentifier")
        /// The file has nothing that could be used.
        public static let empty = Code(name: "empty")
    }

    /// The kind of failure, for code.
    public let code: Code
    /// The file.
    public let file: URL
    /// The line, counted from 1; `nil` if it is about the whole file.
    public let line: Int?
    /// What is wrong and what to do, for people; it names file and line.
    public let message: String

    /// An error whose message begins with the file and the line.
    public init(_ code: Code, file: URL, line: Int? = nil, _ problem: String) {
        self.code = code
        self.file = file
        self.line = line
        message = file.path + (line.map { ", line \($0)" } ?? "") + ": " + problem
    }

    /// The message.
    public var description: String { message }
}
