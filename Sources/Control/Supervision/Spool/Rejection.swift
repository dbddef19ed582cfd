package import JobModel

/// Why a drop is not taken: the lines of `NAME.error.txt`.
package struct Rejection: Error, Sendable, Hashable, CustomStringConvertible {
    /// One line for each error.
    package let lines: [String]

    /// One error of a file as a whole, or of one of its keys.
    package init(_ name: DropName, key: String = "", _ message: String) {
        let subject = key.isEmpty ? "" : "\(key): "
        lines = ["\(name.display): error: \(subject)\(message)".escapingControlCharacters]
    }

    /// What is wrong in the text.
    package init(_ name: DropName, _ errors: SpecErrors) { lines = errors.lines(file: name.display) }

    /// What the planner said, line by line.
    package init(_ name: DropName, refusedByPlanner reason: String) {
        let lines = reason.split(separator: "\n").map { String($0).escapingControlCharacters }
        self.lines = lines.map { $0.hasPrefix("\(name.display):") ? $0 : "\(name.display): error: \($0)" }
    }

    /// Several at once.
    package init(_ rejections: [Rejection]) { lines = rejections.flatMap(\.lines) }

    package var description: String { lines.joined(separator: "\n") }
}
