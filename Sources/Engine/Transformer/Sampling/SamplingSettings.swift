/// How the next token is chosen from the logits.
package struct SamplingSettings: Sendable, Equatable {
    /// 0 takes the most likely token.
    package var temperature: Double
    /// Only the k most likely tokens; nil for all.
    package var topK: Int?
    /// Only the most likely tokens that together reach this probability; nil or 1 for all.
    package var topP: Double?
    /// Key of the random numbers. Every draw is a function of (seed, stream, sequence, position).
    package var seed: UInt64
    /// Second key, for a place in a run: a step, a pass over the data.
    package var stream: UInt64

    /// Positive logits of tokens that the sequence has written already are divided by it, negative ones multiplied;
    /// 1 changes nothing. Tokens of the prompt do not count.
    package var repetitionPenalty: Double

    /// Plain sampling at temperature 1 by default.
    package init(
        temperature: Double = 1, topK: Int? = nil, topP: Double? = nil, seed: UInt64 = 0, stream: UInt64 = 0,
        repetitionPenalty: Double = 1
    ) {
        self.repetitionPenalty = repetitionPenalty
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.seed = seed
        self.stream = stream
    }

    /// The most likely token, always.
    package static let greedy = SamplingSettings(temperature: 0)
}
