/// Reading the normalizer from a tokenizer file.
extension Normalizer {
    static let supported = "Sequence, NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Strip, StripAccents"

    /// The normalizer of the file; null is none.
    static func read(_ node: JSONNode) throws(TokenizerError) -> Normalizer? {
        if node.isNull { return nil }
        switch try node["type"].string() {
        case "Sequence":
            var steps: [Normalizer] = []
            for element in try node["normalizers"].elements() {
                guard let step = try read(element) else { throw element.fault("a normalizer") }
                steps.append(step)
            }
            return .sequence(steps)
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
