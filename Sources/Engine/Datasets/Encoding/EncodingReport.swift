/// What became of the rows of a dataset when they were encoded.
package struct EncodingReport: Sendable, Equatable {
    /// Examples that are trained on: rows, or pieces of documents.
    package private(set) var kept = 0
    /// Rows left out, by reason.
    package private(set) var dropped: [DropReason: Int] = [:]
    /// Rows whose prompt was cut.
    package private(set) var truncatedPrompts = 0
    /// Rows with a response that was cut.
    package private(set) var truncatedResponses = 0
    /// Responses that lost their end token to a cut, so that the model is not shown where they end.
    package private(set) var lostEndTokens = 0
    /// Pairs whose responses have the same tokens and teach nothing.
    package internal(set) var identicalResponses = 0
    /// Rows, of those looked at, where tokenizing prompt and response together would differ.
    package internal(set) var boundaryMerges = 0
    /// Rows looked at for `boundaryMerges`.
    package internal(set) var boundaryChecks = 0
    /// Rows whose prompt ends otherwise once a response follows.
    package private(set) var partedPrompts = 0
    /// Tokens of prompt and longest response, by row.
    package private(set) var lengths = LengthHistogram()
    /// Longest row as packed with a shared prompt: prompt and all responses.
    package private(set) var longestSharedLength = 0
    /// Longest single response.
    package private(set) var longestResponse = 0

    init() {}

    mutating func drop(_ reason: DropReason) { dropped[reason, default: 0] += 1 }

    mutating func keep(_ tokens: PromptTokens, promptLength: Int, responseLengths: [Int]) {
        partedPrompts += tokens.lostPromptTokens > 0 ? 1 : 0
        keep(tokens.cuts, promptLength: promptLength, responseLengths: responseLengths)
    }

    mutating func keep(_ cuts: PromptTokens.Cuts, promptLength: Int, responseLengths: [Int]) {
        kept += 1
        truncatedPrompts += cuts.prompt ? 1 : 0
        truncatedResponses += cuts.responses ? 1 : 0
        lostEndTokens += cuts.lostEnds
        let longest = responseLengths.max() ?? 0
        lengths.add(promptLength + longest)
        longestResponse = max(longestResponse, longest)
        longestSharedLength = max(longestSharedLength, promptLength + responseLengths.reduce(0, +))
    }

    /// What people should know, one line each; nothing that did not happen.
    package var lines: [String] {
        var lines = ["examples kept: \(kept); lengths \(lengths)"]
        for reason in DropReason.allCases {
            if let count = dropped[reason] { lines.append("rows left out, \(reason.rawValue): \(count)") }
        }
        let counts = [
            ("rows with a truncated prompt", truncatedPrompts), ("rows with a truncated response", truncatedResponses),
            ("responses that lost their end token", lostEndTokens),
            ("pairs of identical responses", identicalResponses),
        ]
        lines += counts.filter { $0.1 > 0 }.map { "\($0.0): \($0.1)" }
        if boundaryMerges > 0 {
            lines.append(
                "in \(boundaryMerges) of \(boundaryChecks) rows looked at, prompt and response tokenized together "
                    + "would differ from the two tokenized apart, which is how they are trained")
        }
        if partedPrompts > 0 {
            lines.append(
                "rows whose prompt ends otherwise once a response follows: \(partedPrompts); the response begins where "
                    + "the two part, and the model is trained on a context that it will not see when it is asked")
        }
        return lines
    }
}

/// Counts of lengths in classes that double: 1, 2, 3-4, 5-8, 9-16, …
package struct LengthHistogram: Sendable, Equatable, CustomStringConvertible {
    private var counts: [Int] = []
    /// Largest length seen.
    package private(set) var longest = 0
    private var total = 0
    private var sum = 0

    /// Without any length.
    package init() {}

    /// Counts one length.
    package mutating func add(_ length: Int) {
        let bucket = length <= 1 ? 0 : Int.bitWidth - (length - 1).leadingZeroBitCount
        while counts.count <= bucket { counts.append(0) }
        counts[bucket] += 1
        longest = max(longest, length)
        total += 1
        sum += length
    }

    /// Upper limit of every class that is not empty, with the number of lengths in it.
    package var classes: [(limit: Int, count: Int)] {
        counts.enumerated().filter { $0.element > 0 }.map { (1 << $0.offset, $0.element) }
    }

    package var description: String {
        let classes = classes.map { "≤\($0.limit): \($0.count)" }.joined(separator: ", ")
        return "mean \(total > 0 ? sum / total : 0), longest \(longest) (\(classes))"
    }
}
