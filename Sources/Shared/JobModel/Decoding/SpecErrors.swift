/// One thing that is wrong in a specification.
package struct SpecDiagnostic: Sendable, Hashable {
    /// Where: line and column count from 1, columns in Unicode scalars.
    package var mark: SourceMark
    /// Dotted path of the key it is about; empty for the document as a whole.
    package var key: String
    /// What is wrong, what was found, what was expected.
    package var message: String

    /// One thing that is wrong, at its place.
    package init(mark: SourceMark, key: String, message: String) {
        self.mark = mark
        self.key = key
        self.message = message
    }

    /// The line that people and editors read: `file:line:column: error: key: message`.
    package func line(file: String) -> String {
        let subject = key.isEmpty ? "" : "\(key): "
        return "\(file):\(mark.line):\(mark.column): error: \(subject)\(message)".escapingControlCharacters
    }
}

/// A place in a text.
package struct SourceMark: Sendable, Hashable, Comparable {
    /// From 1.
    package var line: Int
    /// From 1, in Unicode scalars.
    package var column: Int

    static let beginning = SourceMark(line: 1, column: 1)

    package static func < (left: Self, right: Self) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// Everything that is wrong in a specification, in order of place.
package struct SpecErrors: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong; never empty.
    package let diagnostics: [SpecDiagnostic]

    init(_ diagnostics: [SpecDiagnostic]) {
        self.diagnostics = diagnostics.enumerated()
            .sorted { ($0.element.mark, $0.offset) < ($1.element.mark, $1.offset) }
            .map(\.element)
    }

    init(_ mark: SourceMark, _ message: String, key: String = "") {
        self.init([SpecDiagnostic(mark: mark, key: key, message: message)])
    }

    /// One line for each, with the name of the file in front.
    package func lines(file: String) -> [String] { diagnostics.map { $0.line(file: file) } }

    package var description: String { lines(file: "specification").joined(separator: "\n") }
}
