package import Compute

/// What to generate.
package struct GenerationRequest: Sendable {
    /// Token ids of each prompt; none may be empty, unless embeddings stand before it.
    package var prompts: [[Int32]]
    /// Embeddings that stand before each prompt, such as soft tokens: rows end to end, hidden wide. None by default.
    package var prefixes: [[Real]]
    /// Most new tokens of each sequence.
    package var maximumNewTokens: [Int]
    /// How tokens are chosen.
    package var sampling: SamplingSettings
    /// Tokens that end a sequence; the one that ends it is kept as its last.
    package var stopTokens: Set<Int32>
    /// Names of the sequences for the random numbers: a sequence gets the same tokens in any batch. Their numbers in
    /// `prompts` by default.
    package var sequenceNames: [Int]

    /// The same limit for every sequence; greedy by default.
    package init(
        prompts: [[Int32]], after prefixes: [[Real]]? = nil, maximumNewTokens: Int,
        sampling: SamplingSettings = .greedy, stopTokens: Set<Int32> = [], sequenceNames: [Int]? = nil
    ) {
        precondition(prefixes.map { $0.count == prompts.count } ?? true, "one prefix for each prompt")
        self.prompts = prompts
        self.prefixes = prefixes ?? Array(repeating: [], count: prompts.count)
        self.maximumNewTokens = Array(repeating: maximumNewTokens, count: prompts.count)
        self.sampling = sampling
        self.stopTokens = stopTokens
        self.sequenceNames = sequenceNames ?? Array(prompts.indices)
    }
}

extension LanguageModel {
    /// Continues every prompt: one packed pass over the prompts, then one token at a time for all sequences that still
    /// grow. Sequences also end at the model's context length.
    ///
    /// - Parameters:
    ///   - prompts: memory for the pass over the prompts, laid out for them as independent sequences: what it records
    ///     there, a pass over more rows can continue. Nil for memory of its own that records nothing.
    ///   - onToken: called with (sequence, token) as soon as a token is chosen, for live output.
    /// - Returns: the new tokens of each sequence, the stop token included.
    package func generate(
        _ request: GenerationRequest, recordingPrompts prompts: Activations? = nil, _ pass: Pass, _ context: Context,
        onToken: (Int, Int32) -> Void = { _, _ in }
    ) throws -> [[Int32]] {
        let mark = context.arena.mark()
        defer { context.arena.rewind(to: mark) }
        var generation = try Generation(self, request, prompts, pass, context)
        generation.prefill(onToken)
        while generation.decode(onToken) {}
        return generation.responses
    }

    /// Bytes of arena that `generate` needs for a request.
    package func generationByteCount(_ request: GenerationRequest, team: ThreadTeam) throws -> Int {
        let arena = Arena.measuring()
        _ = try Generation(self, request, nil, Pass(), Context(arena: arena, team: team, gradients: []))
        return arena.highWaterMark
    }
}

/// The state of one batch that grows.
private struct Generation {
    private let model: LanguageModel
    private let request: GenerationRequest
    private let pass: Pass
    private let context: Context
    private let sampler: TokenSampler
    private let layout: SequenceLayout
    /// Rows that each sequence starts with.
    private let startLengths: [Int]
    private let prompt: LanguageModel.Activations
    private let caches: [KeyValueCache]
    private let decoding: DecodingActivations
    private let hidden, inverseRMS, logits: Matrix

    private(set) var responses: [[Int32]]
    /// Sequences that still grow.
    private var active: [Int]

    init(
        _ model: LanguageModel, _ request: GenerationRequest, _ prompts: LanguageModel.Activations?, _ pass: Pass,
        _ context: Context
    ) throws {
        self.model = model
        self.request = request
        self.pass = pass
        self.context = context
        sampler = TokenSampler(request.sampling)
        let count = request.prompts.count
        let width = model.configuration.hiddenSize
        let starts = zip(request.prefixes, request.prompts).map { $0.count / width + $1.count }
        startLengths = starts
        layout = SequenceLayout(lengths: starts)
        guard layout.segments.count == count else { throw ModelError.emptyPrompt }
        try model.check(request.prompts.flatMap { $0 }, layout)
        let capacity = zip(starts, request.maximumNewTokens).map { min($0 + $1, model.contextLength) }.max() ?? 0
        prompt =
            prompts
            ?? model.activations(
                for: layout, recording: .none, reading: layout.segments.map { Int32($0.tokens.upperBound - 1) },
                context)
        caches = model.stack.caches(sequences: count, capacity: max(1, capacity), in: context.arena)
        decoding = model.stack.decodingActivations(rows: count, capacity: max(1, capacity), context)
        hidden = context.arena.matrix(count, width)
        inverseRMS = context.arena.matrix(count, 1)
        logits = context.arena.matrix(count, model.configuration.vocabularySize)
        responses = Array(repeating: [], count: count)
        active = []
        active = request.prompts.indices.filter(hasRoom)
    }

    /// The packed pass over all prompts, the caches, and the first new token of every sequence.
    mutating func prefill(_ onToken: (Int, Int32) -> Void) {
        guard !active.isEmpty else { return }
        embedPrompts()
        let output = model.stack.forward(layout, prompt.stack, pass, context) { index, keys, values in
            for (sequence, segment) in layout.segments.enumerated() {
                caches[index].store(
                    keys: keys.rows(segment.tokens), values: values.rows(segment.tokens), sequence: sequence, from: 0)
            }
        }
        let last = active.map { Int32(layout.segments[$0].tokens.upperBound - 1) }
        gather(output, last, 0..<last.count, into: decoding.input.rows(0..<last.count), context)
        choose(from: decoding.input.rows(0..<last.count), onToken)
    }

    /// Prefixes and looked-up prompts, one after the other.
    private func embedPrompts() {
        let width = model.configuration.hiddenSize
        for (sequence, segment) in layout.segments.enumerated() {
            let rows = prompt.stack.input.rows(segment.tokens)
            let prefix = request.prefixes[sequence]
            rows.copy(elements: prefix)
            model.embedding.forward(
                request.prompts[sequence], into: rows.rows(prefix.count / width..<rows.rows), context)
        }
    }

    /// One more token for every sequence that still grows; false when there is none.
    mutating func decode(_ onToken: (Int, Int32) -> Void) -> Bool {
        guard !active.isEmpty else { return false }
        let lengths = active.map(length)
        let step = DecodingStep(sequences: active, lengths: lengths, positions: lengths.map { Int32($0 - 1) })
        let newest = active.compactMap { responses[$0].last }
        model.embedding.forward(newest, into: decoding.input.rows(0..<active.count), context)
        choose(from: model.stack.decode(step, caches, decoding, pass, context), onToken)
        return !active.isEmpty
    }

    private mutating func choose(from output: Matrix, _ onToken: (Int, Int32) -> Void) {
        let rows = 0..<active.count
        model.norm.forward(output, into: hidden.rows(rows), inverseRMS: inverseRMS.rows(rows), context)
        model.head.logits(hidden.rows(rows), into: logits.rows(rows), context)
        for (row, sequence) in active.enumerated() {
            let token = sampler.choose(
                logits.row(row), after: responses[sequence], sequence: request.sequenceNames[sequence],
                position: length(sequence))
            responses[sequence].append(token)
            onToken(sequence, token)
        }
        active = active.filter { hasRoom($0) && !hasStopped($0) }
    }

    private func hasStopped(_ sequence: Int) -> Bool {
        responses[sequence].last.map(request.stopTokens.contains) ?? false
    }

    private func length(_ sequence: Int) -> Int { startLengths[sequence] + responses[sequence].count }

    private func hasRoom(_ sequence: Int) -> Bool {
        responses[sequence].count < request.maximumNewTokens[sequence] && length(sequence) < model.contextLength
    }
}
