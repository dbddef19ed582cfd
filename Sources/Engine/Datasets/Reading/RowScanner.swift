/// Finds where rows begin in a file that passes by in pieces. Keeps no bytes.
protocol RowScanner {
    /// Looks at the next piece, whose first byte lies at `offset` of the file; appends the offsets where rows begin.
    mutating func scan(_ piece: UnsafeRawBufferPointer, at offset: Int, into starts: inout [Int]) throws(RowProblem)
    /// Called at the end of the file.
    func finish() throws(RowProblem)
}

extension UInt8 {
    /// Space, tab, line feed or carriage return.
    var isBlank: Bool { self == 0x20 || self == 0x09 || self == 0x0A || self == 0x0D }
    static let newline = UInt8(ascii: "\n")
    static let quote = UInt8(ascii: "\"")
}

/// Rows are lines that hold more than blanks.
struct LineScanner: RowScanner {
    private var lineStart = 0
    private var hasContent = false

    mutating func scan(_ piece: UnsafeRawBufferPointer, at offset: Int, into starts: inout [Int]) {
        for (index, byte) in piece.enumerated() {
            if byte == .newline {
                lineStart = offset + index + 1
                hasContent = false
            } else if !hasContent && !byte.isBlank {
                hasContent = true
                starts.append(lineStart)
            }
        }
    }

    func finish() {}
}

/// Rows are documents: runs of lines between blank lines. A document beyond `longest` bytes goes on as a further row
/// at its next line, so that no row needs unbounded memory.
struct DocumentScanner: RowScanner {
    static let longest = 256 << 10

    private var lineStart = 0
    private var hasContent = false
    private var documentStart: Int?

    mutating func scan(_ piece: UnsafeRawBufferPointer, at offset: Int, into starts: inout [Int]) {
        for (index, byte) in piece.enumerated() {
            if byte == .newline {
                endLine(at: offset + index + 1)
            } else if !hasContent && !byte.isBlank {
                hasContent = true
                if documentStart == nil {
                    documentStart = lineStart
                    starts.append(lineStart)
                }
            }
        }
    }

    private mutating func endLine(at next: Int) {
        if !hasContent || next - (documentStart ?? next) > Self.longest { documentStart = nil }
        lineStart = next
        hasContent = false
    }

    func finish() {}
}

/// Rows are records; a newline inside quotes does not end one. The first record is the header.
struct CSVScanner: RowScanner {
    private var isQuoted = false
    private var recordStart = 0
    private var hasContent = false

    mutating func scan(_ piece: UnsafeRawBufferPointer, at offset: Int, into starts: inout [Int]) {
        for (index, byte) in piece.enumerated() {
            if byte == .quote { isQuoted.toggle() }
            if byte == .newline && !isQuoted {
                recordStart = offset + index + 1
                hasContent = false
            } else if !hasContent && !byte.isBlank {
                hasContent = true
                starts.append(recordStart)
            }
        }
    }

    func finish() throws(RowProblem) {
        guard !isQuoted else {
            throw RowProblem(
                found: "the end of the file inside a quoted field", expected: "a closing quote", offset: recordStart)
        }
    }
}

/// Rows are the elements of one top-level array.
struct JSONArrayScanner: RowScanner {
    private enum State { case beforeArray, betweenElements, inElement, afterArray }

    private var state = State.beforeArray
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    /// Of the last element or, before the first, of the array.
    private var start = 0

    mutating func scan(_ piece: UnsafeRawBufferPointer, at offset: Int, into starts: inout [Int]) throws(RowProblem) {
        for (index, byte) in piece.enumerated() {
            switch state {
            case .beforeArray: try openArray(byte, at: offset + index)
            case .betweenElements: try beginElement(byte, at: offset + index, &starts)
            case .inElement: advance(byte)
            case .afterArray:
                guard byte.isBlank else {
                    throw RowProblem(found: "bytes after the array", expected: "one array", offset: offset + index)
                }
            }
        }
    }

    private mutating func openArray(_ byte: UInt8, at offset: Int) throws(RowProblem) {
        guard !byte.isBlank else { return }
        start = offset
        guard byte == UInt8(ascii: "[") else {
            throw RowProblem(
                found: "a file that does not begin with \"[\"", expected: "one JSON array of objects",
                advice: "name a file of one object per line .jsonl", offset: offset)
        }
        state = .betweenElements
    }

    private mutating func beginElement(_ byte: UInt8, at offset: Int, _ starts: inout [Int]) throws(RowProblem) {
        guard !byte.isBlank && byte != UInt8(ascii: ",") else { return }
        guard byte != UInt8(ascii: "]") else {
            state = .afterArray
            return
        }
        start = offset
        starts.append(offset)
        state = .inElement
        advance(byte)
    }

    /// One byte of an element; brackets and commas count only outside strings.
    private mutating func advance(_ byte: UInt8) {
        if isInString {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == .quote {
                isInString = false
            }
            return
        }
        switch byte {
        case .quote: isInString = true
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "]") where depth == 0: state = .afterArray
        case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
        case UInt8(ascii: ",") where depth == 0: state = .betweenElements
        default: break
        }
    }

    func finish() throws(RowProblem) {
        guard state == .afterArray else {
            throw RowProblem(
                found: "the end of the file inside the array", expected: "a closing \"]\"", offset: start)
        }
    }
}
