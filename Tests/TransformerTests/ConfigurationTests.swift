import JSON
import TestSupport
import Testing
import Transformer

/// config.json: both spellings, what families mean by it, and everything that must be refused by name.
@Suite struct ConfigurationTests {
    static let models = OracleDirectory.current.familyNames

    private func parse(_ text: String) throws -> ModelConfiguration {
        try ModelConfiguration(JSONValue.parse(Array(text.utf8), file: "config.json"), file: "config.json")
    }

    @Test(arguments: models) func bothSpellingsAreTheSameModel(_ name: String) throws {
        let folder = OracleDirectory.current.model(name)
        var (published, newer) = try (
            ModelConfiguration(folder: folder),
            ModelConfiguration(JSONValue.read(folder + "/config_v5.json", hint: ""), file: "config_v5.json")
        )
        published.source = [:]
        newer.source = [:]
        #expect(published == newer)
    }

    @Test(arguments: models) func writingBackLosesNothing(_ name: String) throws {
        let read = try ModelConfiguration(folder: OracleDirectory.current.model(name))
        let again = try parse(read.encoded(elementType: "float32").text)
        #expect(again == read)
    }

    @Test(arguments: TinyModel.allCases) func aFreshModelCanBeReadBack(_ kind: TinyModel) throws {
        var made = try kind.configuration()
        var read = try parse(made.encoded(elementType: "bfloat16").text)
        if kind == .biased {
            // Llama's one key covers all four attention linears.
            #expect(read.biases == made.biases)
        }
        read.source = [:]
        made.source = [:]
        #expect(read == made)
    }

    private static let base: [String: String] = [
        "architectures": #"["LlamaForCausalLM"]"#, "vocab_size": "32", "hidden_size": "16", "intermediate_size": "24",
        "num_hidden_layers": "3", "num_attention_heads": "4", "num_key_value_heads": "2",
    ]

    private func text(_ changes: [String: String?]) -> String {
        let keys = Self.base.merging(changes.compactMapValues { $0 }) { $1 }.filter { changes[$0.key] != .some(nil) }
        return "{" + keys.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ") + "}"
    }

    @Test func defaultsAreThoseOfTransformers() throws {
        let configuration = try parse(text(["num_key_value_heads": nil]))
        #expect(configuration.keyValueHeadCount == 4)
        #expect(configuration.headDimension == 4)
        #expect(configuration.rotary == RotarySettings(theta: 10_000))
        #expect(configuration.normEpsilon == 1e-6)
        #expect(!configuration.tiesEmbeddings)
        #expect(configuration.windows == [nil, nil, nil])
    }

    @Test func windowsOfFamilies() throws {
        let mistral = #"["MistralForCausalLM"]"#
        #expect(try parse(text(["architectures": mistral, "sliding_window": "9"])).windows == [9, 9, 9])
        #expect(try parse(text(["architectures": mistral, "sliding_window": "null"])).windows == [nil, nil, nil])
        #expect(try parse(text(["architectures": mistral])).windows == [4096, 4096, 4096])
        let qwen = ["architectures": #"["Qwen2ForCausalLM"]"#, "sliding_window": "9", "max_window_layers": "1"]
        #expect(try parse(text(qwen)).windows == [nil, nil, nil])
        let sliding = qwen.merging(["use_sliding_window": "true"]) { $1 }
        #expect(try parse(text(sliding)).windows == [nil, 9, 9])
        let typed = sliding.merging(
            ["layer_types": #"["sliding_attention", "full_attention", "full_attention"]"#]
        ) { $1 }
        #expect(try parse(text(typed)).windows == [9, nil, nil])
        let shorter = try parse(text(typed)).keepingLayers(2)
        #expect(try parse(shorter.encoded(elementType: "float32").text).windows == [9, nil])
    }

    @Test func rotaryFrequencies() {
        func frequencies(_ scaling: RotarySettings.Scaling, _ contextLength: Int) -> [Double] {
            RotarySettings(theta: 100, scaling: scaling)
                .inverseFrequencies(headDimension: 4, trainedLength: 8, contextLength: contextLength)
        }
        #expect(frequencies(.none, 8) == [1, 0.1])
        #expect(frequencies(.linear(factor: 4), 8) == [0.25, 0.025])
        #expect(frequencies(.dynamic(factor: 2), 8) == [1, 0.1])
        // Twice the length at factor 2: θ' = 100 · (2·2 − 1)^(4/2) = 900.
        #expect(mismatch(frequencies(.dynamic(factor: 2), 16), [1, 1.0 / 30], limit: 1e-15, "dynamic") == nil)
    }

    @Test(arguments: [
        ("architectures", #"["GPT2LMHeadModel"]"#, "architecture GPT2LMHeadModel is not supported"),
        ("architectures", "7", "architectures: found the integer 7, expected a list of strings"),
        ("vocab_size", "0", "vocab_size: found the integer 0"),
        ("vocab_size", "-3", "vocab_size: found the integer -3"),
        ("vocab_size", "1e99", "vocab_size: found the number"),
        ("vocab_size", "99999999999999", "vocab_size: found the integer 99999999999999"),
        ("hidden_size", "\"16\"", "hidden_size: found the string"),
        ("hidden_size", "null", "hidden_size: found nothing"),
        ("num_hidden_layers", "2.5", "num_hidden_layers: found the number 2.5"),
        ("num_hidden_layers", "100000000", "num_hidden_layers: found the integer 100000000"),
        ("num_attention_heads", "3", "divisor of hidden_size"),
        ("num_key_value_heads", "3", "num_key_value_heads: found 3, expected a divisor"),
        ("head_dim", "5", "head_dim: found 5, expected an even number"),
        ("rms_norm_eps", "0", "rms_norm_eps: found 0.0, expected a number above 0"),
        ("rope_theta", "\"big\"", "rope_theta: found the string \"big\", expected a number"),
        ("rope_scaling", #"{"type": "yarn", "factor": 4}"#, "type yarn is not supported; supported is default, linear"),
        ("rope_scaling", #"{"type": "linear"}"#, "factor: found nothing"),
        ("rope_scaling", "[1]", "rope_scaling: found a list of 1, expected an object"),
        ("hidden_act", "\"gelu\"", "hidden_act: gelu is not supported"),
        ("attention_dropout", "0.1", "attention_dropout: 0.1 is not supported"),
        ("partial_rotary_factor", "0.5", "partial_rotary_factor: 0.5 is not supported"),
        ("quantization_config", #"{"bits": 4}"#, "quantization_config"),
        ("tie_word_embeddings", "1", "tie_word_embeddings: found the integer 1, expected true or false"),
        ("eos_token_id", "[2, \"x\"]", "eos_token_id: found the string"),
        ("eos_token_id", "32", "expected an id below vocab_size"),
    ])
    func refusals(_ key: String, _ value: String, _ message: String) {
        let error = #expect(throws: ModelError.self) { try parse(text([key: value])) }
        let description = error.map { "\($0)" } ?? ""
        #expect(description.contains(message), "\(description)")
        #expect(description.hasPrefix("config.json"))
    }

    @Test(arguments: ["", "[]", "{", "{\"a\": 1, \"a\": 2}", "nul", "\u{0}"]) func noConfiguration(_ text: String) {
        #expect(throws: ModelError.self) { try parse(text) }
    }
}
