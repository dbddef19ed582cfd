import JSON

/// Reading the pre-tokenizer from a tokenizer file.
extension PreTokenizer {
    static let supported = "ByteLevel, Split, Digits, Punctuation, Whitespace, WhitespaceSplit, Metaspace, Sequence"

    /// GPT-2's pattern, which `ByteLevel` splits with unless told otherwise.
    static let gpt2Pattern =
        #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

    /// The steps of a pre-tokenizer, sequences flattened; null is none.
    static func read(_ node: JSONNode) throws(TokenizerError) -> [PreTokenizer] {
        if node.isNull { return [] }
        var steps: [PreTokenizer] = []
        try append(node, to: &steps)
        return steps
    }

    private static func append(_ node: JSONNode, to steps: inout [PreTokenizer]) throws(TokenizerError) {
        let type = node["type"]
        if try type.string() == "Sequence" {
            for element in try node["pretokenizers"].elements() { try append(element, to: &steps) }
            return
        }
        if case .byteLevel? = steps.last(where: { if case .split = $0 { false } else { true } }) {
            guard ["Split", "Digits", "Punctuation"].contains(try type.string()) else {
                throw type.unsupported("Split, Digits or Punctuation after ByteLevel")
            }
        }
        try node.checkStepCount(steps.count)
        steps.append(try step(node, try type.string()))
    }

    private static func step(_ node: JSONNode, _ type: String) throws(TokenizerError) -> PreTokenizer {
        switch type {
        case "ByteLevel":
            let splits = try node["use_regex"].boolean(absent: true)
            let pattern = splits ? try compile(node) { () throws(PatternError) in try Pattern(gpt2Pattern) } : nil
            return .byteLevel(addsPrefixSpace: try node["add_prefix_space"].boolean(absent: true), pattern: pattern)
        case "Split":
            return .split(
                try pattern(node["pattern"]), try behavior(node["behavior"]),
                isInverted: try node["invert"].boolean(absent: false))
        case "Digits":
            let isIndividual = try node["individual_digits"].boolean(absent: false)
            return .split(
                try characters(.numeric, node), isIndividual ? .isolated : .contiguous, isInverted: false)
        case "Punctuation":
            let behavior = node["behavior"].isNull ? .isolated : try behavior(node["behavior"])
            return .split(try characters(.punctuation, node), behavior, isInverted: false)
        case "Whitespace":
            let pattern = try compile(node) { () throws(PatternError) in try Pattern(#"\w+|[^\w\s]+"#) }
            return .split(pattern, .removed, isInverted: true)
        case "WhitespaceSplit":
            return .split(try characters(.whitespace, node), .removed, isInverted: false)
        case "Metaspace":
            return .metaspace(try metaspace(node))
        default:
            throw node["type"].unsupported(supported)
        }
    }

    private static func metaspace(_ node: JSONNode) throws(TokenizerError) -> Metaspace {
        let (scheme, replacement) = try metaspaceScheme(node)
        let splits = try node["split"].boolean(absent: true)
        return try compile(node) { () throws(PatternError) in
            try Metaspace(replacement: replacement, scheme: scheme, splits: splits)
        }
    }

    /// The scheme of a Metaspace step or decoder; older files say `add_prefix_space` instead.
    static func metaspaceScheme(
        _ node: JSONNode
    ) throws(TokenizerError) -> (scheme: Metaspace.PrependScheme, replacement: UInt32) {
        let replacement = try node["replacement"].scalar()
        var scheme = Metaspace.PrependScheme.always
        if !node["prepend_scheme"].isNull {
            guard let named = Metaspace.PrependScheme(rawValue: try node["prepend_scheme"].string()) else {
                throw node["prepend_scheme"].fault("always, never or first")
            }
            scheme = named
        }
        if try !node["add_prefix_space"].boolean(absent: true) {
            guard scheme == .never || node["prepend_scheme"].isNull else {
                throw node["add_prefix_space"].fault("true, or the prepend_scheme never")
            }
            scheme = .never
        }
        return (scheme, replacement)
    }

    /// A `{"Regex": …}` or `{"String": …}` pattern.
    static func pattern(_ node: JSONNode) throws(TokenizerError) -> Pattern {
        if !node["Regex"].isNull {
            let source = try node["Regex"].string()
            return try compile(node["Regex"]) { () throws(PatternError) in try Pattern(source) }
        }
        let text = try node["String"].string()
        return try compile(node["String"]) { () throws(PatternError) in
            try Pattern(.literal(text), source: text)
        }
    }

    private static func characters(_ set: ScalarSet, _ node: JSONNode) throws(TokenizerError) -> Pattern {
        try compile(node) { () throws(PatternError) in try Pattern(anyOf: set, named: node.path) }
    }

    private static func behavior(_ node: JSONNode) throws(TokenizerError) -> SplitBehavior {
        guard let behavior = SplitBehavior(rawValue: try node.string()) else {
            throw node.fault(SplitBehavior.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return behavior
    }

    /// Runs a compilation and puts the place in the file into its error.
    private static func compile<T>(
        _ node: JSONNode, _ body: () throws(PatternError) -> T
    ) throws(TokenizerError) -> T {
        do throws(PatternError) {
            return try body()
        } catch {
            throw TokenizerError(
                .unsupported, file: node.file, place: node.path, found: "\(error.found) in \(node.value.kind)",
                expected: error.expected)
        }
    }
}
