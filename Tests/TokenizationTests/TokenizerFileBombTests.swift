import TestFolders
import Testing

@testable import Tokenization

/// Small files that ask for more work or memory than any machine has, and tables that contradict themselves.
@Suite("Tokenizer files that are bombs")
struct TokenizerFileBombTests {
    private static let bpe = #"{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}"#

    private func fault(_ json: String, location: SourceLocation = #_sourceLocation) -> TokenizerError? {
        #expect(throws: TokenizerError.self, sourceLocation: location) { try TinyTokenizers.tokenizer(json) }
    }

    @Test(
        "Without a list of merges there is no model",
        arguments: ["", #","merges":null"#, #","merges":{}"#, #","merges":"a b""#])
    func missingMerges(member: String) {
        let error = fault(TinyTokenizers.json(model: #"{"type":"BPE","vocab":{"a":0,"b":1}\#(member)}"#))
        #expect(error?.place == "model.merges")
        #expect(error?.expected.contains("an array of merges") == true)
    }

    // What a merge makes is its parts, one behind the other: only an empty part could lead back to a part.
    @Test(
        "Merges cannot go in a circle",
        arguments: [#"["a",""]"#, #"["","a"]"#, #"["",""]"#, #""a ""#, #"" a""#, #"" ""#, #"["a"]"#, "[]", "7"])
    func cyclicMerges(merge: String) {
        let model = #"{"type":"BPE","vocab":{"a":0,"":1,"b":2,"ab":3},"merges":["a b", \#(merge)]}"#
        let error = fault(TinyTokenizers.json(model: model))
        #expect(error?.place.hasPrefix("line ") == true, "\(String(describing: error))")
        #expect(error?.file == "tiny.json")
    }

    @Test("A merge may be listed twice: the later place counts, as in the library")
    func repeatedMerge() throws {
        let model = """
            {"type":"BPE","vocab":{"a":0,"b":1,"c":2,"ab":3,"bc":4},"merges":["a b", "b c", "a b"]}
            """
        let tokenizer = try TinyTokenizers.tokenizer(TinyTokenizers.json(model: model))
        #expect(tokenizer.encode("abc", addSpecialTokens: false) == [0, 4])
    }

    @Test(
        "Steps without end are refused",
        arguments: [
            ("normalizer", #"{"type":"NFC"}"#), ("pre_tokenizer", #"{"type":"Digits"}"#), ("decoder", #"{"type":"Fuse"}"#),
        ])
    func steps(stage: String, step: String) throws {
        let key = ["normalizer": "normalizers", "pre_tokenizer": "pretokenizers", "decoder": "decoders"][stage] ?? ""
        func json(_ count: Int) -> String {
            let steps = Array(repeating: step, count: count - 1).joined(separator: ",")
            let inner = #"{"type":"Sequence","\#(key)":[\#(steps)]}"#
            let value = #"{"type":"Sequence","\#(key)":[\#(inner),\#(step)]}"#
            return TinyTokenizers.json(
                model: Self.bpe, normalizer: stage == "normalizer" ? value : "null",
                preTokenizer: stage == "pre_tokenizer" ? value : "null", decoder: stage == "decoder" ? value : "null")
        }
        _ = try TinyTokenizers.tokenizer(json(JSONNode.maximumStepCount))
        let error = fault(json(JSONNode.maximumStepCount + 1))
        #expect(error?.place == "\(stage).\(key)[1]")
        #expect(error?.expected == "at most \(JSONNode.maximumStepCount)")
    }

    @Test("Replacements that multiply each other are refused")
    func growth() throws {
        func json(_ count: Int) -> String {
            let step = #"{"type":"Replace","pattern":{"String":"a"},"content":"aaaaaaaa"}"#
            let steps = Array(repeating: step, count: count).joined(separator: ",")
            return TinyTokenizers.json(
                model: Self.bpe, normalizer: #"{"type":"Sequence","normalizers":[\#(steps)]}"#)
        }
        #expect(try TinyTokenizers.tokenizer(json(2)).encode("a", addSpecialTokens: false).count == 64)
        #expect(fault(json(6))?.place == "normalizer")
    }

    @Test(
        "Patterns that are long, deep or dear to compile are refused before they are run",
        arguments: [
            ("a" + String(repeating: "?", count: 100_000), "100001 characters"),
            ("a" + String(repeating: "{1}", count: 2_000), "quantifiers upon quantifiers"),
            (String(repeating: "(?:", count: 2_000), "deeper nesting"),
            (String(repeating: "a", count: 20_000), "20000 characters"),
            ("(?:[ab]c?){30}[\\w]{1,250}(?:[0-9]x?){20}[\\s]{1,250}", "pattern"),
        ])
    func patterns(pattern: String, found: String) {
        let quoted = pattern.replacing("\\", with: "\\\\")
        let error = fault(
            TinyTokenizers.json(
                model: Self.bpe,
                preTokenizer: #"{"type":"Split","pattern":{"Regex":"\#(quoted)"},"behavior":"Isolated"}"#))
        #expect(error?.place == "pre_tokenizer.pattern.Regex")
        #expect(error?.found.contains(found) == true, "\(error?.found.prefix(200) ?? "")")
    }

    @Test("Many added tokens are read at once, and the double one among them is named")
    func manyAddedTokens() throws {
        func json(_ last: String) -> String {
            let tokens = (0..<40_000).map { TinyTokenizers.added(10 + $0, "<t\($0)>") } + [last]
            return TinyTokenizers.json(model: Self.bpe, addedTokens: "[\(tokens.joined(separator: ","))]")
        }
        #expect(try TinyTokenizers.tokenizer(json(TinyTokenizers.added(50_010, "<last>"))).vocabularySize == 50_011)
        let error = fault(json(TinyTokenizers.added(50_010, "<t7>")))
        #expect(error?.place == "added_tokens[40000]")
        #expect(error?.found.contains("<t7>") == true)
        #expect(fault(json(TinyTokenizers.added(9_000_000, "<last>")))?.found.contains("9000000") == true)
    }

    @Test(
        "Ids of the configuration are numbers of the vocabulary's range",
        arguments: ["-1", "1.5", "007", "+9", "x", "99999999999999999999", "3000000000"])
    func configuredIDs(key: String) throws {
        let folder = try folder()
        try folder.write("tokenizer_config.json", #"{"added_tokens_decoder":{"\#(key)":{"content":"<x>"}}}"#)
        let error = #expect(throws: TokenizerError.self) { try Tokenizer(directory: folder.path) }
        #expect(error?.file.hasSuffix("tokenizer_config.json") == true)
        #expect(error?.place == "added_tokens_decoder.\(key)")
        #expect(error?.found == "the key \"\(key)\"")
    }

    @Test("A chat template that is not UTF-8 is an error that names file and byte")
    func templateInUTF8() throws {
        let folder = try folder()
        try folder.write("chat_template.jinja", Array("{{ a }}".utf8) + [0xC3, 0x28])
        let error = #expect(throws: TokenizerError.self) { try Tokenizer(directory: folder.path) }
        #expect(error?.file.hasSuffix("chat_template.jinja") == true)
        #expect(error?.place == "byte 7")
    }

    /// A folder with a tokenizer of its own.
    private func folder() throws -> TestFolder {
        let folder = try TestFolder()
        try folder.write("tokenizer.json", TinyTokenizers.json(model: Self.bpe))
        return folder
    }
}
