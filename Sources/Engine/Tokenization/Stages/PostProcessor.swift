/// The last stage of encoding: puts special tokens before and after the text.
struct PostProcessor: Sendable {
    /// Ids put before the text.
    private(set) var before: [Int32] = []
    /// Ids put after the text.
    private(set) var after: [Int32] = []

    static let supported = "TemplateProcessing, ByteLevel, BertProcessing, RobertaProcessing, Sequence"

    /// The post-processor of the file; null adds nothing.
    static func read(_ node: JSONNode) throws(TokenizerError) -> PostProcessor {
        var processor = PostProcessor()
        if !node.isNull { try processor.add(node) }
        return processor
    }

    private mutating func add(_ node: JSONNode) throws(TokenizerError) {
        switch try node["type"].string() {
        case "Sequence":
            for element in try node["processors"].elements() { try add(element) }
        case "ByteLevel":
            // Only moves the offsets of the library's own encoding.
            return
        case "TemplateProcessing":
            try addTemplate(node)
        case "BertProcessing", "RobertaProcessing":
            before.insert(try Self.idOfPair(node["cls"]), at: 0)
            after.append(try Self.idOfPair(node["sep"]))
        default:
            throw node["type"].unsupported(Self.supported)
        }
    }

    /// The `single` template: special tokens around exactly one text.
    private mutating func addTemplate(_ node: JSONNode) throws(TokenizerError) {
        var head: [Int32] = []
        var tail: [Int32] = []
        var sawText = false
        let named = node["special_tokens"]
        let specials = named.isNull ? [:] : Dictionary(try named.members().map { ($0.key, $0.node) }) { $1 }
        for element in try node["single"].elements() {
            if !element["Sequence"].isNull {
                guard !sawText else { throw element.unsupported("one text in the single template") }
                sawText = true
                continue
            }
            let name = element["SpecialToken"]["id"]
            let content = try name.string()
            guard let special = specials[content] else {
                throw name.fault("a token listed in special_tokens")
            }
            for id in try special["ids"].elements() {
                if sawText { tail.append(Int32(try id.index())) } else { head.append(Int32(try id.index())) }
            }
        }
        guard sawText else { throw node["single"].fault("a template with a Sequence") }
        before = head + before
        after += tail
    }

    private static func idOfPair(_ node: JSONNode) throws(TokenizerError) -> Int32 {
        let pair = try node.elements()
        guard pair.count == 2 else { throw node.fault("a token and its id") }
        return Int32(try pair[1].index())
    }
}
