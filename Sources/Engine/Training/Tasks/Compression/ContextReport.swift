import Datasets

/// What became of the rows of a dataset when they were made contexts to compress.
struct ContextReport: Sendable, Equatable {
    /// Tokens of a context at most, and at least where shorter ones are left out.
    let maximumLength, minimumLength: Int
    /// Rows whose tokens make several contexts.
    private(set) var divided = 0
    /// Rows that lost the end of their context.
    private(set) var cut = 0
    /// Ends of rows, and whole rows, that are too short.
    private(set) var shortEnds = 0, shortRows = 0
    /// Tokens of the contexts.
    private(set) var lengths = LengthHistogram()
    private var kept = 0

    init(maximumLength: Int, minimumLength: Int = 1) {
        self.maximumLength = maximumLength
        self.minimumLength = minimumLength
    }

    /// A row of `count` tokens whose contexts follow one another.
    ///
    /// - Returns: how many contexts it makes.
    mutating func divide(_ count: Int) -> Int {
        let (whole, rest) = count.quotientAndRemainder(dividingBy: maximumLength)
        let hasRest = rest >= minimumLength
        for _ in 0..<whole { keep(maximumLength) }
        if hasRest { keep(rest) }
        let contexts = whole + (hasRest ? 1 : 0)
        divided += contexts > 1 ? 1 : 0
        shortRows += contexts == 0 ? 1 : 0
        shortEnds += whole > 0 && rest > 0 && !hasRest ? 1 : 0
        return contexts
    }

    /// A row of which one context is made.
    ///
    /// - Parameter isCut: whether it had more tokens.
    mutating func keep(_ count: Int, isCut: Bool = false) {
        kept += 1
        cut += isCut ? 1 : 0
        lengths.add(count)
    }

    /// What people should know, one line each; nothing that did not happen.
    var lines: [String] {
        let short = minimumLength > 1 ? "fewer than \(minimumLength) tokens" : "no tokens"
        let counts = [
            ("rows cut into several contexts of at most \(maximumLength) tokens", divided),
            ("rows with a context cut to \(maximumLength) tokens", cut),
            ("ends of rows left out, \(short)", shortEnds), ("rows left out, \(short)", shortRows),
        ]
        return ["examples kept: \(kept); lengths of contexts \(lengths)"]
            + counts.filter { $0.1 > 0 }.map { "\($0.0): \($0.1)" }
    }
}

/// A row of a compressor's training as people can check it: what is compressed, and which tokens carry loss.
struct ContextExample {
    let context, prompt, answer: [Int32]
    /// Instead of a prompt in tokens.
    var hasLearnedPrompt = false

    /// Special tokens written out.
    func description(_ codec: TextCodec) -> String {
        func part(_ title: String, _ ids: [Int32]) -> String { "\(title), \(ids.count) tokens:\n\(codec.decode(ids))" }
        let asked = hasLearnedPrompt ? "prompt, no loss: one learned embedding" : part("prompt, no loss", prompt)
        return [part("context, compressed", context), asked, part("answer, trained", answer)].joined(separator: "\n")
    }
}
