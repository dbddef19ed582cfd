import Foundation
import JSON

/// The contents of a `tokenizer.json`: the large tables in their own form, the rest as a tree.
struct TokenizerFile: Sendable {
    let name: String
    private(set) var vocabulary = Vocabulary(minimumCapacity: 1 << 12)
    /// The members of the file apart from the model's tables.
    private(set) var root: JSONNode
    private var mergeBytes: [UInt8] = []
    /// Nil until the file's list of merges was read.
    private var mergeSpans: [MergeSpan]?

    /// Both halves of a merge, one after the other in `mergeBytes`.
    private struct MergeSpan: Sendable {
        let start: Int
        let middle: Int
        let end: Int
    }

    /// Reads the bytes of a file.
    static func contents(of path: String) throws(TokenizerError) -> [UInt8] {
        do {
            return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw TokenizerError(
                .unreadable, file: path, place: "", found: error.localizedDescription, expected: "a readable file")
        }
    }

    /// Reads a file of text; bytes that are not UTF-8 are an error.
    static func text(of path: String) throws(TokenizerError) -> String {
        let bytes = try contents(of: path)
        if let offset = bytes.withUnsafeBufferPointer({ UTF8Text.firstInvalidOffset(in: $0) }) {
            throw TokenizerError(
                .malformed, file: path, place: "byte \(offset)", found: "the byte \(bytes[offset])",
                expected: "a file in UTF-8")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads a whole file of JSON as a tree.
    static func tree(_ bytes: [UInt8], named name: String) throws(TokenizerError) -> JSONNode {
        do throws(JSONError) {
            return JSONNode(value: try JSONValue(bytes), path: "", file: name)
        } catch {
            throw TokenizerError(error, file: name)
        }
    }

    init(_ bytes: [UInt8], named name: String) throws(TokenizerError) {
        self.name = name
        root = JSONNode(value: .null, path: "", file: name)
        do throws(JSONError) {
            let members = try bytes.withUnsafeBufferPointer { (buffer) throws(JSONError) in try readFile(buffer) }
            root = JSONNode(value: .object(members), path: "", file: name)
        } catch {
            throw TokenizerError(error, file: name)
        }
        try checkModelType()
    }

    private mutating func readFile(_ bytes: UnsafeBufferPointer<UInt8>) throws(JSONError) -> JSONObject {
        var members = JSONObject()
        var scanner = try JSONScanner(bytes)
        try scanner.object { (scanner, key) throws(JSONError) in
            let text = String(decoding: key, as: UTF8.self)
            if text == "model", try scanner.peek() == UInt8(ascii: "{") {
                members[text] = .object(try readModel(&scanner))
            } else {
                members[text] = try scanner.value()
            }
        }
        try scanner.end()
        return members
    }

    // MARK: The model's tables

    private mutating func readModel(_ scanner: inout JSONScanner) throws(JSONError) -> JSONObject {
        var vocabulary = Vocabulary(minimumCapacity: 1 << 12)
        var members = JSONObject()
        try scanner.object { (scanner, key) throws(JSONError) in
            let first = try scanner.peek()
            if key.elementsEqual("vocab".utf8), first == UInt8(ascii: "{") {
                try Self.readVocabulary(&scanner, into: &vocabulary)
            } else if key.elementsEqual("merges".utf8), first == UInt8(ascii: "[") {
                try readMerges(&scanner)
            } else {
                members[String(decoding: key, as: UTF8.self)] = try scanner.value()
            }
        }
        self.vocabulary = vocabulary
        return members
    }

    private static func readVocabulary(
        _ scanner: inout JSONScanner, into vocabulary: inout Vocabulary
    ) throws(JSONError) {
        try scanner.table { (scanner, token) throws(JSONError) in
            let id = try scanner.integer(in: JSONNode.indices)
            if let problem = vocabulary.insert(token, id: id) {
                throw scanner.fault(
                    found: problem, expected: "every token and id once, ids up to \(Vocabulary.maximumID)")
            }
        }
    }

    /// Reads merges written as `"a b"` or as `["a", "b"]`.
    private mutating func readMerges(_ scanner: inout JSONScanner) throws(JSONError) {
        var bytes: [UInt8] = []
        var spans: [MergeSpan] = []
        try scanner.array { (scanner) throws(JSONError) in
            let start = bytes.count
            var middle = start
            var parts = 0
            if try scanner.peek() == UInt8(ascii: "\"") {
                try scanner.string(into: &bytes)
                if let space = bytes[start...].firstIndex(of: 0x20) {
                    bytes.remove(at: space)
                    middle = space
                    parts = bytes[start...].contains(0x20) ? 3 : 2
                }
            } else {
                try scanner.array { (scanner) throws(JSONError) in
                    if parts == 1 { middle = bytes.count }
                    try scanner.string(into: &bytes)
                    parts += 1
                }
            }
            guard parts == 2, middle > start, bytes.count > middle else {
                throw scanner.fault(
                    found: "the merge number \(spans.count) without two parts", expected: "\"a b\" or [\"a\", \"b\"]")
            }
            spans.append(MergeSpan(start: start, middle: middle, end: bytes.count))
        }
        mergeBytes = bytes
        mergeSpans = spans
    }

    private func checkModelType() throws(TokenizerError) {
        let type = root["model"]["type"]
        guard !root["model"].isNull else { throw root["model"].fault("a model of type BPE") }
        // Files older than the type member have merges, which only this model has.
        guard type.isNull ? mergeSpans?.isEmpty == false : try type.string() == "BPE" else {
            throw type.unsupported("BPE")
        }
        guard vocabulary.count > 0 else { throw root["model"]["vocab"].fault("an object of tokens and ids") }
        guard mergeSpans != nil else { throw root["model"]["merges"].fault("an array of merges, be it an empty one") }
    }

    /// The merges as ids; a merge of tokens that are not in the vocabulary is an error.
    func merges() throws(TokenizerError) -> MergeTable {
        let spans = mergeSpans ?? []
        var table = MergeTable(minimumCapacity: spans.count)
        for (index, span) in spans.enumerated() {
            func id(_ range: Range<Int>) throws(TokenizerError) -> Int32 {
                if let id = vocabulary.id(of: mergeBytes[range]) { return id }
                throw TokenizerError(
                    .malformed, file: name, place: "model.merges[\(index)]",
                    found: "\"\(String(decoding: mergeBytes[range], as: UTF8.self))\", which is not in model.vocab",
                    expected: "both parts of a merge and its result among the tokens")
            }
            table.append(
                try id(span.start..<span.middle), try id(span.middle..<span.end),
                result: try id(span.start..<span.end))
        }
        return table
    }
}
