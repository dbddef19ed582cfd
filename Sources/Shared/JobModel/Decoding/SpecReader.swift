/// What input names may look like.
package enum InputPathRule: Sendable, Hashable {
    /// Names under configured roots: relative, without `.` and `..`.
    case underRoots
    /// Any path, for `hone run`, where nobody's rights are lent.
    case anywhere
}

/// Collects what is wrong while a document is walked, and remembers where every key stood.
struct SpecReader: Sendable {
    let pathRule: InputPathRule
    private(set) var diagnostics: [SpecDiagnostic] = []
    private var marks: [String: SourceMark] = [:]

    init(pathRule: InputPathRule) { self.pathRule = pathRule }

    mutating func report(_ mark: SourceMark, _ key: String, _ message: String) {
        diagnostics.append(SpecDiagnostic(mark: mark, key: key, message: message))
    }

    /// Reports the value of `key` as not what the grammar asks for.
    mutating func report(_ node: SpecNode, _ key: String, expected type: String) {
        report(node.mark, key, "expected \(type), found \(node.found)")
    }

    /// Reports about a key after the walk, at its value, or at the nearest section around it.
    mutating func report(_ key: String, _ message: String) {
        var place = key
        while marks[place] == nil, let dot = place.lastIndex(of: ".") { place = String(place[..<dot]) }
        report(marks[place] ?? .beginning, key, message)
    }

    mutating func note(_ key: String, at mark: SourceMark) { marks[key] = mark }

    /// Whether the document says anything about `key`.
    func isWritten(_ key: String) -> Bool { marks[key] != nil }

    /// Whether something is wrong with `key` or inside it already.
    func isFaulty(_ key: String) -> Bool { diagnostics.contains { $0.key == key || $0.key.hasPrefix(key + ".") } }
}
