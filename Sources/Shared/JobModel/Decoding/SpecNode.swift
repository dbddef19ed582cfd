import Yams

/// A parsed document: scalars as written, mappings in order, every node with its place. Nothing is interpreted yet.
///
/// Specifications and the daemon's own configuration are read by it: no aliases, no tags, no key twice, bounded in
/// size and depth.
package struct SpecNode: Sendable {
    /// What a node is.
    package enum Content: Sendable {
        /// `isPlain` is false for quoted and block texts.
        case scalar(String, isPlain: Bool)
        case sequence([SpecNode])
        case mapping([Entry])
    }

    /// One key of a mapping.
    package struct Entry: Sendable {
        package let key: String
        /// Where the key stands.
        package let mark: SourceMark
        package let value: SpecNode
    }

    /// Where the node begins.
    package let mark: SourceMark
    package let content: Content

    /// The text of a scalar, however it is quoted.
    package var text: String? { if case .scalar(let text, _) = content { text } else { nil } }

    /// What a message says was found.
    package var found: String {
        switch content {
        case .scalar("", isPlain: true): "nothing"
        case .scalar(let text, isPlain: true) where text == "null" || text == "~": "nothing"
        case .scalar(let text, _): "\"\(text.count > 60 ? text.prefix(57) + "..." : text[...])\""
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }

    /// Parses a file; nil when it holds nothing but comments. A syntax error or a duplicate key ends the parse and
    /// comes alone.
    package static func document(_ bytes: [UInt8]) throws(SpecErrors) -> SpecNode? {
        try document(SourceText.validated(bytes))
    }

    /// Parses a validated text that must say something.
    static func parse(_ text: String) throws(SpecErrors) -> SpecNode {
        guard let node = try document(text) else { throw SpecErrors(.beginning, "the document is empty") }
        return node
    }

    private static func document(_ text: String) throws(SpecErrors) -> SpecNode? {
        do {
            let parser = try Parser(yaml: text)
            // Anchors in nodes are weak references into the parser: it has to outlive the walk.
            return try withExtendedLifetime(parser) {
                guard let root = try parser.singleRoot() else { return nil }
                var walk = NodeWalk(text: text)
                let node = try walk.convert(root, depth: 1)
                guard walk.diagnostics.isEmpty else { throw SpecErrors(walk.diagnostics) }
                return node
            }
        } catch let errors as SpecErrors {
            throw errors
        } catch let error as YamlError {
            throw SpecErrors(parserRefusal: error)
        } catch {
            throw SpecErrors(.beginning, "not readable as YAML: \(error)")
        }
    }
}

/// Turns the parser's nodes into ours and refuses what a specification must not contain.
private struct NodeWalk {
    private let lines: [[Unicode.Scalar]]
    private var nodes = 0
    var diagnostics: [SpecDiagnostic] = []

    init(text: String) { lines = Self.lines(of: text) }

    mutating func convert(_ node: Node, depth: Int) throws -> SpecNode {
        let mark = SourceMark(node.mark)
        nodes += 1
        if nodes > SpecLimits.nodes { throw SpecErrors(mark, "more than \(SpecLimits.nodes) values") }
        if depth > SpecLimits.depth { throw SpecErrors(mark, "nested deeper than \(SpecLimits.depth) levels") }
        if hasExplicitTag(at: mark) {
            refuse(mark, "explicit tags such as !!str are not allowed; write the value alone")
        }
        switch node {
        case .scalar(let scalar):
            return SpecNode(mark: mark, content: .scalar(scalar.string, isPlain: scalar.style == .plain))
        case .sequence(let sequence):
            return SpecNode(mark: mark, content: .sequence(try sequence.map { try convert($0, depth: depth + 1) }))
        case .mapping(let mapping):
            return SpecNode(mark: mark, content: .mapping(try entries(of: mapping, depth: depth)))
        case .alias:
            throw SpecErrors(mark, "aliases are not allowed")
        }
    }

    private mutating func entries(of mapping: Node.Mapping, depth: Int) throws -> [SpecNode.Entry] {
        var entries: [SpecNode.Entry] = []
        for (keyNode, value) in mapping {
            let mark = SourceMark(keyNode.mark)
            guard case .scalar(let key) = keyNode else {
                refuse(mark, "a key has to be a word")
                continue
            }
            if hasExplicitTag(at: mark) { refuse(mark, "explicit tags are not allowed") }
            if key.string == "<<" { refuse(mark, "merge keys are not allowed; write the values out") }
            // The parser's own check compares tags too and lets `a` and `"a"` stand beside each other.
            if entries.contains(where: { $0.key.utf8.elementsEqual(key.string.utf8) }) {
                throw SpecErrors(mark, "duplicate key", key: key.string)
            }
            entries.append(.init(key: key.string, mark: mark, value: try convert(value, depth: depth + 1)))
        }
        return entries
    }

    private mutating func refuse(_ mark: SourceMark, _ message: String) {
        diagnostics.append(SpecDiagnostic(mark: mark, key: "", message: message))
    }

    /// Only the source tells: the parser reports `!!str "x"` like `"x"`, and hashing keys resolves their tags.
    private func hasExplicitTag(at mark: SourceMark) -> Bool {
        guard lines.indices.contains(mark.line - 1), lines[mark.line - 1].indices.contains(mark.column - 1)
        else { return false }
        return lines[mark.line - 1][mark.column - 1] == "!"
    }

    /// Lines as libyaml counts them.
    private static func lines(of text: String) -> [[Unicode.Scalar]] {
        var lines: [[Unicode.Scalar]] = [[]]
        var previous: Unicode.Scalar?
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n" where previous == "\r": break
            case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": lines.append([])
            default: lines[lines.count - 1].append(scalar)
            }
            previous = scalar
        }
        return lines
    }
}

extension SourceMark {
    fileprivate init(_ mark: Mark?) { self = mark.map { SourceMark(line: $0.line, column: $0.column) } ?? .beginning }
}

extension SpecErrors {
    /// The parser's error in our form; its own text would quote the whole document.
    fileprivate init(parserRefusal error: YamlError) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let about = context.map { "\($0.text.trimmingPrefix("\n")): " } ?? ""
            self.init(SourceMark(mark), "\(about)\(problem)")
        case .reader(let problem, let offset, _, let text):
            let before = Array(text.prefix(offset ?? 0).utf8)
            self.init(SourceText.mark(of: before.count, in: before), problem)
        case .duplicatedKeysInMapping(let duplicates, let context):
            self.init(
                SourceMark(context.mark), "duplicate key; this is the first", key: duplicates.joined(separator: ", "))
        case .memory, .no, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
            self.init(.beginning, "not readable as YAML")
        }
    }
}
