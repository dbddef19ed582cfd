/// Reads the statements of a template.
struct StatementParser {
    private let pieces: [TemplatePiece]
    private var position = 0
    private var depth = 0

    /// Deeper nesting of blocks is refused.
    static let maximumDepth = 50

    init(_ pieces: [TemplatePiece]) {
        self.pieces = pieces
    }

    /// The whole template.
    mutating func template() throws(ChatTemplateError) -> [Statement] {
        let (statements, end) = try statements(until: [], openedAt: 1)
        if let end { throw end.parser.fault("another statement") }
        return statements
    }

    /// The tag that ended a list of statements, its keyword read already.
    private struct End {
        let keyword: String
        var parser: ExpressionParser
    }

    /// Reads statements up to a tag with one of `keywords`.
    private mutating func statements(
        until keywords: [String], openedAt line: Int
    ) throws(ChatTemplateError) -> ([Statement], End?) {
        depth += 1
        defer { depth -= 1 }
        if depth > Self.maximumDepth { throw ChatTemplateError(.limit, line: line, "nested blocks") }
        var statements: [Statement] = []
        while position < pieces.count {
            let piece = pieces[position]
            position += 1
            switch piece {
            case .text(let text, let line): statements.append(Statement(node: .text(text), line: line))
            case .output(let tokens, let line):
                var parser = ExpressionParser(tokens, line: line)
                let value = try parser.tuple()
                try parser.expectEnd()
                statements.append(Statement(node: .output(value), line: line))
            case .block(let tokens, let line):
                var parser = ExpressionParser(tokens, line: line)
                let keyword = try parser.name()
                if keywords.contains(keyword) { return (statements, End(keyword: keyword, parser: parser)) }
                statements.append(Statement(node: try block(keyword, &parser, line), line: line))
            }
        }
        if !keywords.isEmpty {
            throw ChatTemplateError(.syntax, line: line, "a block without its \(keywords.joined(separator: " or "))")
        }
        return (statements, nil)
    }

    /// Reads the body of a block that a single keyword ends.
    private mutating func body(until keyword: String, _ line: Int) throws(ChatTemplateError) -> [Statement] {
        let (statements, end) = try statements(until: [keyword], openedAt: line)
        try end?.parser.expectEnd()
        return statements
    }

    private mutating func block(
        _ keyword: String, _ parser: inout ExpressionParser, _ line: Int
    ) throws(ChatTemplateError) -> Statement.Node {
        switch keyword {
        case "if": return try conditional(&parser, line)
        case "for": return try loop(&parser, line)
        case "set": return try assignment(&parser, line)
        case "macro": return try macro(&parser, line)
        case "generation":
            try parser.expectEnd()
            return .generation(try body(until: "endgeneration", line))
        case "break":
            try parser.expectEnd()
            return .leaveLoop
        case "continue":
            try parser.expectEnd()
            return .continueLoop
        case "raw", "call", "filter", "with", "include", "import", "from", "extends", "block", "do", "autoescape",
            "trans", "debug":
            throw ChatTemplateError(.unsupported, line: line, "the statement '\(keyword)'")
        default:
            throw ChatTemplateError(.syntax, line: line, "the unknown or misplaced statement '\(keyword)'")
        }
    }

    // MARK: Statements

    private mutating func conditional(
        _ parser: inout ExpressionParser, _ line: Int
    ) throws(ChatTemplateError) -> Statement.Node {
        var branches: [(condition: Expression, body: [Statement])] = []
        var condition = try parser.tuple()
        try parser.expectEnd()
        while true {
            let (body, end) = try statements(until: ["elif", "else", "endif"], openedAt: line)
            branches.append((condition, body))
            guard var end else { return .conditional(branches, otherwise: []) }
            if end.keyword == "elif" {
                condition = try end.parser.tuple()
                try end.parser.expectEnd()
                continue
            }
            try end.parser.expectEnd()
            let otherwise = end.keyword == "else" ? try self.body(until: "endif", line) : []
            return .conditional(branches, otherwise: otherwise)
        }
    }

    private mutating func loop(
        _ parser: inout ExpressionParser, _ line: Int
    ) throws(ChatTemplateError) -> Statement.Node {
        let names = try Self.names(&parser)
        guard parser.accept(name: "in") else { throw parser.fault("'in'") }
        let sequence = try parser.disjunction()
        let condition = parser.accept(name: "if") ? try parser.expression() : nil
        if parser.isNext(name: "recursive") {
            throw ChatTemplateError(.unsupported, line: line, "a recursive loop")
        }
        try parser.expectEnd()
        let (body, end) = try statements(until: ["else", "endfor"], openedAt: line)
        try end?.parser.expectEnd()
        let otherwise = end?.keyword == "else" ? try self.body(until: "endfor", line) : []
        return .loop(
            Statement.Loop(
                names: names, sequence: sequence, condition: condition, body: body, otherwise: otherwise))
    }

    private mutating func assignment(
        _ parser: inout ExpressionParser, _ line: Int
    ) throws(ChatTemplateError) -> Statement.Node {
        let target = try Self.target(&parser)
        if parser.accept(symbol: "=") {
            let value = try parser.tuple()
            try parser.expectEnd()
            return .assign(target, value)
        }
        var filters: [(name: String, arguments: Arguments)] = []
        while parser.accept(symbol: "|") {
            let name = try parser.name()
            filters.append((name, parser.accept(symbol: "(") ? try parser.arguments() : Arguments()))
        }
        try parser.expectEnd()
        return .capture(target, filters: filters, body: try body(until: "endset", line))
    }

    private mutating func macro(
        _ parser: inout ExpressionParser, _ line: Int
    ) throws(ChatTemplateError) -> Statement.Node {
        let name = try parser.name()
        try parser.expect(symbol: "(")
        var parameters: [(name: String, standard: Expression?)] = []
        while !parser.accept(symbol: ")") {
            let parameter = try parser.name()
            let standard = parser.accept(symbol: "=") ? try parser.expression() : nil
            parameters.append((parameter, standard))
            if !parser.isNext(symbol: ")") { try parser.expect(symbol: ",") }
        }
        try parser.expectEnd()
        let (body, end) = try statements(until: ["endmacro"], openedAt: line)
        if var end, !end.parser.isAtEnd {
            _ = try end.parser.name()
            try end.parser.expectEnd()
        }
        return .macro(Macro(name: name, parameters: parameters, body: body))
    }

    // MARK: Targets

    private static func names(_ parser: inout ExpressionParser) throws(ChatTemplateError) -> [String] {
        let isBracketed = parser.accept(symbol: "(")
        var names = [try parser.name()]
        while parser.accept(symbol: ",") { names.append(try parser.name()) }
        if isBracketed { try parser.expect(symbol: ")") }
        return names
    }

    private static func target(_ parser: inout ExpressionParser) throws(ChatTemplateError) -> Statement.Target {
        let names = try names(&parser)
        guard names.count == 1, parser.accept(symbol: ".") else { return .names(names) }
        return .attribute(names[0], try parser.name())
    }
}
