/// Reading the normalizer from a tokenizer file.
extension Normalizer {
    static let supported = "Sequence, NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Strip, StripAccents"

    /// The normalizer of the file; null is none.
    static func read(_ node: JSONNode) throws(TokenizerError) -> Normalizer? {
        if node.isNull { return nil }
        var steps: [Normalizer] = []
        try append(node, to: &steps)
        try checkGrowth(steps, node)
        return .sequence(steps)
    }

    private static func append(_ node: JSONNode, to steps: inout [Normalizer]) throws(TokenizerError) {
        if try node["type"].string() == "Sequence" {
            for element in try node["normalizers"].elements() { try append(element, to: &steps) }
            return
        }
        try node.checkStepCount(steps.count)
        steps.append(try step(node))
    }

    /// Steps that replace by longer text multiply the text's length; a few lines could ask for more than any memory.
    private static let maximumGrowth = 65_536

    private static func checkGrowth(_ steps: [Normalizer], _ node: JSONNode) throws(TokenizerError) {
        var growth = 1
        for case .replace(_, let content) in steps {
            growth *= max(content.count, 1)
            guard growth <= maximumGrowth else {
                throw TokenizerError(
                    .unsupported, file: node.file, place: node.path,
                    found: "Replace steps that can make a text more than \(maximumGrowth) times as long",
                    expected: "fewer or shorter replacements")
            }
        }
    }

    private static func step(_ node: JSONNode) throws(TokenizerError) -> Normalizer {
        switch try node["type"].string() {
        case "NFC": return .unicode(.canonicalComposition)
        case "NFD": return .unicode(.canonicalDecomposition)
        case "NFKC": return .unicode(.compatibilityComposition)
        case "NFKD": return .unicode(.compatibilityDecomposition)
        case "Lowercase": return .lowercase
        case "Prepend": return .prepend(Array(try node["prepend"].string().utf8))
        case "Replace":
            return .replace(
                try PreTokenizer.pattern(node["pattern"]), Array(try node["content"].string().utf8))
        case "Strip":
            return .strip(left: try node["strip_left"].boolean(), right: try node["strip_right"].boolean())
        case "StripAccents": return .stripAccents
        default: throw node["type"].unsupported(supported)
        }
    }
}
