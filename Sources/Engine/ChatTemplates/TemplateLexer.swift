/// A token inside `{{ … }}` or `{% … %}`.
struct Token: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case name(String)
        case integer(Int)
        case number(Double)
        case string(String)
        case symbol(String)
    }

    let kind: Kind
    let line: Int
}

/// The template as alternating text and tags, white space already removed as the tags ask for.
enum TemplatePiece: Sendable {
    case text(String, line: Int)
    case output([Token], line: Int)
    case block([Token], line: Int)
}

/// Cuts a template into text and tags.
struct TemplateLexer {
    private let source: [UInt8]
    private var position = 0
    private var line = 1
    private var pieces: [TemplatePiece] = []
    /// Text that waits to see how the next tag treats the white space before it.
    private var text: [UInt8] = []
    private var textLine = 1
    /// Whether what comes next stands at the beginning of a line.
    private var startsLine = true

    static func pieces(of template: String) throws(ChatTemplateError) -> [TemplatePiece] {
        var lexer = TemplateLexer(template)
        try lexer.run()
        return lexer.pieces
    }

    private init(_ template: String) {
        var bytes: [UInt8] = []
        var last: UInt8 = 0
        for byte in template.utf8 {
            if byte == 0x0D {
                bytes.append(0x0A)
            } else if !(byte == 0x0A && last == 0x0D) {
                bytes.append(byte)
            }
            last = byte
        }
        // One line feed at the end belongs to the file, not to the template.
        if bytes.last == 0x0A { bytes.removeLast() }
        source = bytes
    }

    private mutating func run() throws(ChatTemplateError) {
        while position < source.count {
            guard source[position] == UInt8(ascii: "{"), position + 1 < source.count else {
                takeText()
                continue
            }
            switch source[position + 1] {
            case UInt8(ascii: "{"): try tag(isBlock: false)
            case UInt8(ascii: "%"): try tag(isBlock: true)
            case UInt8(ascii: "#"): try comment()
            default: takeText()
            }
        }
        flushText()
    }

    private mutating func takeText() {
        if text.isEmpty { textLine = line }
        text.append(source[position])
        advance(1)
    }

    private mutating func flushText() {
        if !text.isEmpty { pieces.append(.text(String(decoding: text, as: UTF8.self), line: textLine)) }
        text.removeAll(keepingCapacity: true)
    }

    private mutating func advance(_ count: Int) {
        for _ in 0..<count {
            if source[position] == 0x0A { line += 1 }
            position += 1
        }
    }

    // MARK: White space around tags

    /// Handles the sign after the opening of a tag, and the white space before it.
    private mutating func open(stripsLine: Bool) {
        advance(2)
        let sign = position < source.count ? source[position] : 0
        if sign == UInt8(ascii: "-") {
            advance(1)
            while let last = text.last, Self.isSpace(last) { text.removeLast() }
        } else if sign == UInt8(ascii: "+"), stripsLine {
            advance(1)
        } else if stripsLine {
            let lineStart = text.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
            let isIndentation = text[lineStart...].allSatisfy { $0 == 0x20 || $0 == 0x09 }
            if isIndentation, lineStart > 0 || startsLine { text.removeSubrange(lineStart...) }
        }
        flushText()
    }

    /// Handles the white space after a tag whose closing delimiter was just passed.
    private mutating func close(sign: UInt8, trimsLine: Bool) {
        let start = position
        if sign == UInt8(ascii: "-") {
            while position < source.count, Self.isSpace(source[position]) { advance(1) }
        } else if trimsLine, sign != UInt8(ascii: "+"), position < source.count, source[position] == 0x0A {
            advance(1)
        }
        startsLine = position > start && source[position - 1] == 0x0A
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    // MARK: Tags

    private mutating func comment() throws(ChatTemplateError) {
        let start = line
        open(stripsLine: true)
        while position + 1 < source.count {
            if source[position] == UInt8(ascii: "#"), source[position + 1] == UInt8(ascii: "}") {
                let sign = source[position - 1]
                advance(2)
                close(sign: sign, trimsLine: true)
                return
            }
            advance(1)
        }
        throw ChatTemplateError(.syntax, line: start, "a comment that does not end")
    }

    private mutating func tag(isBlock: Bool) throws(ChatTemplateError) {
        let start = line
        open(stripsLine: isBlock)
        var scanner = TokenScanner(source: source, position: position, line: line)
        let end: [UInt8] = isBlock ? Array("%}".utf8) : Array("}}".utf8)
        let (tokens, sign) = try scanner.tokens(until: end, openedAt: start)
        position = scanner.position
        line = scanner.line
        close(sign: sign, trimsLine: isBlock)
        pieces.append(isBlock ? .block(tokens, line: start) : .output(tokens, line: start))
    }
}
