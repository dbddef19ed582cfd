import Compute
import ContextCompression
import DurableFiles
import JSON
import Safetensors
import TestFolders
import TestSupport
import Testing
import Transformer

/// What is published and read back.
@Suite struct ArtifactTests {
    private let team: ThreadTeam
    private let folder: TestFolder

    init() throws {
        team = try ThreadTeam(threads: 2)
        folder = try TestFolder()
    }

    private var path: String { folder.path + "/artifacts" }

    private func record(_ settings: CompressorSettings) -> CompressorRecord {
        CompressorRecord(
            stage: .autoencoding, base: CompressorRecord.Base(id: "tiny", sha256: "abc"), settings: settings,
            rates: [4, 8], decoderTraining: "none", restatement: "Restate \"this\".",
            training: ["steps": .integer(7), "lr": .number(0.25)], metrics: ["eval_loss": 1.5])
    }

    private func save(_ autoencoder: Autoencoder) throws {
        var directory = try DurableDirectory(in: folder.path, name: "artifacts", temporaryName: "artifacts.tmp")
        let compressor = autoencoder.compressor
        try compressor.save(
            into: &directory, record(compressor.settings), of: autoencoder.decoder.model, team: team)
        try directory.publish()
    }

    private func softTokens(_ autoencoder: Autoencoder) throws -> [Double] {
        let run = try CompressionRun(autoencoder, tinySamples(), recording: .none, team: team)
        run.forward()
        return run.softTokens.doubles
    }

    @Test(arguments: TinyModel.allCases) func readBackCompressesTheSame(_ kind: TinyModel) throws {
        let autoencoder = try kind.autoencoder(team: team)
        try save(autoencoder)
        let record = try CompressorRecord(folder: path)
        let compressor = try Compressor(folder: path, record, of: autoencoder.decoder.model, trained: false)
        #expect(compressor.parameters.gradients == nil)
        let again = try softTokens(Autoencoder(compressor, autoencoder.decoder))
        let expected = try softTokens(autoencoder)
        // Saved as float32 in either build.
        if isDoublePrecision {
            #expect(mismatch(again, expected, limit: 1e-5, "soft tokens") == nil)
        } else {
            #expect(again == expected)
        }
    }

    @Test(arguments: [CompressorSettings.AlignmentNorm.frozen, .trained], GroupLayout.Remainder.allCases)
    func recordIsReadBack(_ norm: CompressorSettings.AlignmentNorm, _ remainder: GroupLayout.Remainder) throws {
        var settings = CompressorSettings.tiny
        (settings.alignmentNorm, settings.remainder, settings.adapterDropout) = (norm, remainder, 0.125)
        try save(TinyModel.untied.autoencoder(settings, team: team))
        #expect(try CompressorRecord(folder: path) == record(settings))
    }

    /// Files from before segments were written have none, as those of contexts in one piece.
    @Test func segmentsAreReadBack() throws {
        var record = record(.tiny)
        func reading(_ root: JSONValue) throws -> CompressorRecord { try CompressorRecord(root, file: "gmsa.json") }
        func encoded() -> JSONObject {
            guard case .object(let fields) = record.encoded(hiddenSize: 16) else { return [:] }
            return fields
        }
        var old = encoded()
        old["segment"] = nil
        #expect(try reading(.object(old)).segment == nil)
        #expect(try reading(.object(encoded())) == record)
        for segment in [CompressorRecord.Segment(tokens: 64), .init(tokens: 64, overlap: 8)] {
            record.segment = segment
            #expect(try reading(.object(encoded())) == record)
        }
        var damaged = encoded()
        damaged["segment"] = .object(["tokens": .integer(0)])
        #expect(throws: ModelError.self) { try reading(.object(damaged)) }
    }

    /// Ordinary headless folders: names, shapes and configuration as `AutoModel` expects them.
    @Test(arguments: TinyModel.allCases) func encoderIsMerged(_ kind: TinyModel) throws {
        let autoencoder = try kind.autoencoder(team: team)
        try save(autoencoder)
        let (base, store) = (autoencoder.decoder.model, autoencoder.compressor.parameters)
        let files = try WeightFiles(folder: path + "/encoder")
        for name in files.names {
            let entry = try #require(base.weights.entries.first { $0.name == "model." + name })
            let weight = try #require(base.weights[entry.role]?.value)
            #expect(try files.tensor(name).shape == entry.shape)
            let module = "encoder.base_model.model." + entry.name.dropLast(".weight".count)
            let down = store[module + ".lora_A.weight"]?.value
            let up = store[module + ".lora_B.weight"]?.value
            let scale = autoencoder.compressor.settings.adapterScale
            var expected = weight.doubles
            if let down, let up {
                for index in expected.indices {
                    let (row, column) = (index / weight.columns, index % weight.columns)
                    expected[index] += scale * (0..<down.rows).reduce(0.0) {
                        $0 + Double(up[row, $1]) * Double(down[$1, column])
                    }
                }
            }
            #expect(mismatch(try files.tensor(name).doubles(), expected, limit: 1e-5, name) == nil)
        }
        let layers = base.weights.entries.filter { $0.name.hasPrefix("model.layers.") }.count / 3 * 2
        #expect(files.names.count == layers + 2)
        let keys = try JSONFields(JSONValue.read(path + "/encoder/config.json", hint: ""), file: "config.json")
        #expect(try keys.count("num_hidden_layers") == 2)
        #expect(try keys.strings("architectures")?.first?.hasSuffix("Model") == true)
    }

    @Test func alignmentHasNoVocabulary() throws {
        try save(TinyModel.headNorms.autoencoder(team: team))
        let files = try WeightFiles(folder: path + "/lsa")
        #expect(try files.tensor("embed_tokens.weight").shape == [1, 16])
        #expect(try files.tensor("norm.weight").shape == [16])
        #expect(files.contains("layers.0.self_attn.q_norm.weight") && !files.contains("layers.1.mlp.up_proj.weight"))
        let keys = try JSONFields(JSONValue.read(path + "/lsa/config.json", hint: ""), file: "config.json")
        #expect(try keys.count("vocab_size") == 1)
        #expect(try keys.count("num_hidden_layers") == 1)
    }

    @Test func adapterIsPEFT() throws {
        try save(TinyModel.untied.autoencoder(team: team))
        let adapter = try AdapterFolder(path + "/adapters/encoder_lora")
        #expect(adapter.settings.rank == 3 && adapter.settings.alpha == 5)
        let files = try WeightFiles(file: path + "/adapters/encoder_lora/adapter_model.safetensors")
        #expect(files.names.count == 28)
        #expect(files.contains("base_model.model.model.layers.1.mlp.down_proj.lora_B.weight"))
    }

    @Test func refusals() throws {
        let autoencoder = try TinyModel.untied.autoencoder(team: team)
        #expect(throws: (any Error).self) { try CompressorRecord(folder: folder.path) }
        try save(autoencoder)
        let text = try String(decoding: readFile(path + "/gmsa.json", limit: 1 << 20), as: UTF8.self)
        func reading(_ find: String, _ replacement: String) throws -> CompressorRecord {
            let changed = text.replacing(find, with: replacement)
            #expect(changed != text)
            return try CompressorRecord(JSONValue.parse(Array(changed.utf8), file: "gmsa.json"), file: "gmsa.json")
        }
        #expect(throws: ModelError.self) { try reading("\"causal\"", "\"bidirectional\"") }
        #expect(throws: ModelError.self) { try reading("\"autoencoding\"", "\"other\"") }
        #expect(throws: ModelError.self) { try reading("\"r\": 3", "\"r\": 0") }
        let other = try reading("\"r\": 3", "\"r\": 4")
        #expect(throws: (any Error).self) {
            try Compressor(folder: path, other, of: autoencoder.decoder.model, trained: false)
        }
    }
}
