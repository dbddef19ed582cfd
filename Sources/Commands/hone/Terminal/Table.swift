/// Aligned columns for people.
struct Table {
    /// Which side a column is aligned to.
    enum Side {
        case left, right
    }

    private let columns: [(title: String, side: Side)]
    private var rows: [[Cell]] = []

    /// A text and its style; the style does not count for the width.
    struct Cell: ExpressibleByStringLiteral {
        let text: String
        let style: Style?

        /// Characters; quickly for those that are one byte each.
        let width: Int

        init(_ text: String, _ style: Style? = nil) {
            self.text = text
            self.style = style
            width = text.utf8.allSatisfy { $0 < 128 } ? text.utf8.count : text.count
        }

        init(stringLiteral value: String) { self.init(value) }
    }

    init(_ columns: [(title: String, side: Side)]) { self.columns = columns }

    mutating func add(_ row: [Cell]) { rows.append(row) }

    /// The lines of the table, the titles first.
    var lines: [String] {
        let all = [columns.map { Cell($0.title, .bold) }] + rows
        let widths = columns.indices.map { column in all.map { $0[column].width }.max() ?? 0 }
        let spaces = String(repeating: " ", count: widths.max() ?? 0)
        return all.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = spaces.prefix(widths[column] - cell.width)
                if column > 0 { line += "  " }
                if columns[column].side == .right { line += padding }
                line += cell.style.map { cell.text.styled($0) } ?? cell.text
                if columns[column].side == .left { line += padding }
            }
            while line.utf8.last == UInt8(ascii: " ") { line.removeLast() }
            return line
        }
    }

    /// Prints it to standard output.
    func print() { Terminal.say(lines.joined(separator: "\n")) }
}
