/// Why a chat template cannot be read or rendered.
package struct ChatTemplateError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The sort of fault.
    package enum Kind: Sendable, Equatable {
        /// The template is not well formed.
        case syntax
        /// The template uses a part of Jinja that is not implemented here.
        case unsupported
        /// An operation does not fit its values, or a name is undefined.
        case evaluation
        /// The template itself refused the conversation with `raise_exception`.
        case raised
        /// The template does more work than a chat template may.
        case limit
    }

    /// The sort of fault.
    package let kind: Kind
    /// Line of the template, from 1.
    package let line: Int
    /// What is wrong; for `raised` the template's own words.
    package let message: String

    package init(_ kind: Kind, line: Int, _ message: String) {
        self.kind = kind
        self.line = line
        self.message = message
    }

    package var description: String {
        switch kind {
        case .syntax: "chat template, line \(line): \(message)"
        case .unsupported: "chat template, line \(line): \(message) is not supported here"
        case .evaluation: "chat template, line \(line): \(message)"
        case .raised: "the chat template refuses this conversation: \(message)"
        case .limit: "chat template, line \(line): more work than allowed: \(message)"
        }
    }
}
