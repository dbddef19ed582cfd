/// What is wrong with a tokenizer file or with the input of a tokenizer.
///
/// The description names the file, the place in it, what was found and what was expected.
package struct TokenizerError: Error, Equatable, CustomStringConvertible {
    /// The sort of fault.
    package enum Kind: Sendable, Equatable {
        /// The file cannot be read.
        case unreadable
        /// The file does not say what a tokenizer file must say.
        case malformed
        /// The file is sound, but asks for something that is not implemented here.
        case unsupported
        /// The text or the ids given to the tokenizer are wrong.
        case input
    }

    /// The sort of fault.
    package let kind: Kind
    /// Path of the file, or a word for the input.
    package let file: String
    /// Line and column, or the path of keys inside the file.
    package let place: String
    /// What stands there.
    package let found: String
    /// What should stand there, and where it helps, what to do.
    package let expected: String

    package init(_ kind: Kind, file: String, place: String, found: String, expected: String) {
        self.kind = kind
        self.file = file
        self.place = place
        self.found = found
        self.expected = expected
    }

    package var description: String {
        let word = kind == .unsupported ? "supported here" : "expected"
        let location = place.isEmpty ? file : "\(file): \(place)"
        return "\(location): found \(found); \(word): \(expected)"
    }
}
