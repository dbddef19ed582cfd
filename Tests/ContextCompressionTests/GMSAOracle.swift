import Compute
import ContextCompression
import Safetensors
import TestSupport
import Testing
import Transformer

/// A GMSA fixture with its models: shapes, rates and hyper-parameters come from its index.
struct GMSAOracle {
    static let oracles = OracleDirectory.current
    static let names = oracles.fixtureNames(prefix: "gmsa_")

    let fixture: OracleFixture
    let autoencoder: Autoencoder
    let team: ThreadTeam
    let prompt, question, answer: [Int32]
    let end: Int32
    private let hyper: JSONFields

    /// - Parameter decoder: what trains in the decoder; with none it is the compressor's own base.
    init(_ name: String, decoder trained: TrainedTensors? = nil) throws {
        fixture = try Self.oracles.fixture(name)
        let team = try ThreadTeam(threads: 2)
        self.team = team
        hyper = try #require(try fixture.index.object("hyper"))
        let model = try #require(try fixture.index.string("model"))
        let folder = Self.oracles.model(model)
        let base = try LanguageModel(folder: folder, team: team)
        let compressor = try Self.compressor(base, Self.oracles.model(model + "_gmsa"), hyper)
        let decoder = try trained.map { try LanguageModel(folder: folder, trained: $0, team: team) } ?? base
        autoencoder = Autoencoder(compressor, SoftPromptDecoder(decoder))
        prompt = try fixture.integers("prompt_ids")
        question = try fixture.integers("question_ids")
        answer = try fixture.integers("answer_ids")
        end = Int32(try hyper.requiredCount("eos"))
    }

    private static func compressor(_ base: LanguageModel, _ folder: String, _ hyper: JSONFields) throws -> Compressor {
        let adapter = try AdapterFolder(folder + "/encoder_lora")
        let settings = CompressorSettings(
            encoderLayers: try hyper.requiredCount("encoder_layers"), adapterRank: adapter.settings.rank,
            adapterAlpha: adapter.settings.alpha, adapterDropout: adapter.settings.dropout,
            alignmentLayers: try hyper.requiredCount("lsa_layers"))
        let compressor = try Compressor(settings, of: base, trained: true)
        try compressor.weights.load(
            .encoder, from: WeightFiles(file: folder + "/encoder_lora/adapter_model.safetensors"))
        try compressor.weights.load(.alignment, from: WeightFiles(file: folder + "/lsa.safetensors"))
        return compressor
    }

    var rates: [Int] { get throws { try hyper.tokenIDs("rates").map(Int.init) } }
    var lengths: [Int] { get throws { try hyper.tokenIDs("contexts").map(Int.init) } }
    var greedyCount: Int { get throws { try hyper.requiredCount("greedy_tokens") } }

    /// Lengths and rate of the ragged micro-batch.
    func batch() throws -> (lengths: [Int], rate: Int) {
        let batch = try #require(try hyper.object("batch"))
        return (try batch.tokenIDs("contexts").map(Int.init), try batch.requiredCount("rate"))
    }

    /// Length and rate of the fine-tuning cases, from the names of their losses.
    var finetuneCases: [(length: Int, rate: Int)] {
        fixture.names(prefix: "keft.").filter { $0.hasSuffix(".loss") }.compactMap { name in
            let parts = name.split(separator: ".")
            guard let length = Int(parts[1].dropFirst("ctx".count)), let rate = Int(parts[2].dropFirst()) else {
                return nil
            }
            return (length, rate)
        }
    }

    func context(_ length: Int) throws -> [Int32] { try fixture.integers("ctx\(length).ids") }

    func restating(_ length: Int, rate: Int, prompt: [Int32]? = nil) throws -> CompressionSample {
        CompressionSample(
            restating: try context(length), groupSize: rate, prompt: prompt ?? self.prompt, end: end)
    }

    func answering(_ length: Int, rate: Int) throws -> CompressionSample {
        CompressionSample(segments: [try context(length)], groupSize: rate, prompt: question, target: answer)
    }

    func run(_ samples: [CompressionSample], recording: DecoderStack.Recording = .full) throws -> CompressionRun {
        try CompressionRun(autoencoder, samples, recording: recording, team: team)
    }
}
