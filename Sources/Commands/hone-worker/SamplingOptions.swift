import ArgumentParser
import Tokenization
import Transformer

/// How the tokens of a text are chosen.
struct SamplingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("0 takes the likeliest token every time.", valueName: "t"))
    var temperature = 0.0

    @Option(help: ArgumentHelp("Sample among the k likeliest tokens.", valueName: "k"))
    var topK: Int?

    @Option(help: ArgumentHelp("Sample among the likeliest tokens that make up this probability.", valueName: "p"))
    var topP: Double?

    @Option(help: ArgumentHelp("The same seed samples the same text.", valueName: "n"))
    var seed: UInt64 = 0

    @Option(
        help: ArgumentHelp("Divides the logits of tokens that the text has already; 1 is none.", valueName: "x"))
    var repetitionPenalty = 1.0

    func validate() throws {
        guard temperature >= 0, temperature.isFinite else {
            throw ValidationError("--temperature: expected 0 or more, found \(temperature)")
        }
        if let topK, topK < 1 { throw ValidationError("--top-k: expected at least 1, found \(topK)") }
        if let topP, !(topP > 0 && topP <= 1) {
            throw ValidationError("--top-p: expected above 0 and up to 1, found \(topP)")
        }
        guard repetitionPenalty > 0, repetitionPenalty.isFinite else {
            throw ValidationError("--repetition-penalty: expected above 0, found \(repetitionPenalty)")
        }
    }

    var settings: SamplingSettings {
        SamplingSettings(
            temperature: temperature, topK: topK, topP: topP, seed: seed, repetitionPenalty: repetitionPenalty)
    }
}

extension Tokenizer {
    /// The tokens that end what a model writes.
    func stopTokens(of model: LanguageModel) -> Set<Int32> {
        Set([eosID].compactMap { $0 } + model.configuration.endOfSequenceIDs)
    }
}
