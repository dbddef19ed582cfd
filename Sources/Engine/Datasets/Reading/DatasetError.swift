/// What is wrong with a dataset, where, and what was expected there.
package struct DatasetError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Path of the file.
    package let file: String
    /// Line of the row's first byte, counted from 1; nil for errors of a whole file.
    package let line: Int?
    /// Column of the dataset that is wrong, nil if the row as a whole is.
    package let field: String?
    /// What was found.
    package let found: String
    /// What was expected in its place.
    package let expected: String
    /// What to do about it, where that is not plain from the rest.
    package let advice: String?

    /// An error at a row or, without a line, of a file.
    package init(
        file: String, line: Int? = nil, field: String? = nil, found: String, expected: String, advice: String? = nil
    ) {
        self.file = file
        self.line = line
        self.field = field
        self.found = found
        self.expected = expected
        self.advice = advice
    }

    package var description: String {
        let place = line.map { "\(file):\($0)" } ?? file
        let subject = field.map { " field \"\($0)\":" } ?? ""
        return "\(place):\(subject) found \(found), expected \(expected)" + (advice.map { "; \($0)" } ?? "")
    }
}

/// What a row is wrong about, before its place in a file is known.
struct RowProblem: Error, Equatable {
    var field: String?
    let found: String
    let expected: String
    var advice: String?
    /// Where in the file a scanner found it, or where what does not end begins; nil for a row that was read from its
    /// place.
    var offset: Int?
}

extension RowProblem {
    /// The same problem at its place.
    func located(file: String, line: Int?) -> DatasetError {
        DatasetError(file: file, line: line, field: field, found: found, expected: expected, advice: advice)
    }
}
