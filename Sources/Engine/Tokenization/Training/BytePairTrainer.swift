/// Learns a byte-level byte-pair encoding from texts.
///
/// Words are cut by GPT-2's pattern and never merge across a boundary. The result depends on the texts and settings
/// alone: of equally frequent pairs the one with the smaller ids merges first.
package struct BytePairTrainer: Sendable {
    /// What to train.
    package struct Settings: Sendable {
        /// The number of tokens, special tokens and the 256 bytes included.
        package var vocabularySize: Int
        /// Tokens that stand for themselves and get the first ids, in this order.
        package var specialTokens: [String]
        /// The special token that begins a text, if any.
        package var beginToken: String?
        /// The special token that ends a text, if any.
        package var endToken: String?
        /// The special token that fills up, if any.
        package var paddingToken: String?
        /// The Jinja source that renders conversations, if any.
        package var chatTemplate: String?
        /// The longest sequence of the model that goes with it, if known.
        package var maximumLength: Int?
        /// A pair that is rarer than this does not merge.
        package var minimumFrequency: Int

        /// One special token that begins, ends and fills up texts.
        package init(vocabularySize: Int, specialTokens: [String] = ["<|endoftext|>"], minimumFrequency: Int = 2) {
            self.vocabularySize = vocabularySize
            self.specialTokens = specialTokens
            self.minimumFrequency = minimumFrequency
            beginToken = specialTokens.first
            endToken = specialTokens.first
            paddingToken = specialTokens.first
        }
    }

    private let settings: Settings
    private let pattern: Pattern
    private let specialFinder: AddedTokenFinder
    private var wordCounts = ByteTable(minimumCapacity: 1 << 12)
    private var counts: [Int] = []
    private var scratch = SplitScratch()

    /// Checks the settings: room for the bytes and special tokens, and named tokens among the special ones.
    package init(_ settings: Settings) throws(TokenizerError) {
        try Self.check(settings)
        self.settings = settings
        do throws(PatternError) {
            pattern = try Pattern(PreTokenizer.gpt2Pattern)
        } catch {
            throw Self.fault("the word pattern", error.found, error.expected)
        }
        let special = Self.addedTokens(settings)
        specialFinder = AddedTokenFinder(special, spelled: special.map { Array($0.content.utf8) })
    }

    private static func check(_ settings: Settings) throws(TokenizerError) {
        let minimum = settings.specialTokens.count + 256
        guard (minimum...Vocabulary.maximumID).contains(settings.vocabularySize) else {
            throw fault("vocabularySize", "\(settings.vocabularySize)", "\(minimum) to \(Vocabulary.maximumID)")
        }
        let spellings = settings.specialTokens.map { Array($0.utf8) }
        guard Set(spellings).count == spellings.count, !spellings.contains([]) else {
            throw fault("specialTokens", "an empty or repeated token", "every token once")
        }
        // A one-character token could not be told from the byte that is spelled like it.
        if let short = settings.specialTokens.first(where: { $0.unicodeScalars.count < 2 }) {
            throw fault("specialTokens", "\"\(short)\"", "at least two characters")
        }
        for token in [settings.beginToken, settings.endToken, settings.paddingToken] {
            if let token, !spellings.contains(Array(token.utf8)) {
                throw fault("specialTokens", "no \"\(token)\"", "the begin, end and padding tokens among them")
            }
        }
    }

    private static func fault(_ place: String, _ found: String, _ expected: String) -> TokenizerError {
        TokenizerError(.input, file: "tokenizer training", place: place, found: found, expected: expected)
    }

    private static func addedTokens(_ settings: Settings) -> [AddedToken] {
        settings.specialTokens.enumerated().map { index, content in
            AddedToken(
                id: Int32(index), content: content, isSpecial: true, isSingleWord: false, stripsLeft: false,
                stripsRight: false, isNormalized: false)
        }
    }

    /// Counts the words of a text. Special tokens that stand in it separate words and are not learned from.
    package mutating func add(_ text: String) {
        let bytes = Array(text.utf8)
        bytes.withUnsafeBufferPointer { buffer in
            for stretch in specialFinder.stretches(of: buffer) where stretch.token == nil {
                scratch.matches.removeAll(keepingCapacity: true)
                pattern.appendMatches(
                    in: buffer, stretch.range, as: .text, notes: &scratch.notes, to: &scratch.matches)
                for word in scratch.matches { count(UnsafeBufferPointer(rebasing: buffer[word])) }
            }
        }
    }

    private mutating func count(_ word: UnsafeBufferPointer<UInt8>) {
        let (entry, isNew) = wordCounts.insert(word)
        if isNew { counts.append(0) }
        counts[entry] += 1
    }

    /// Learns the merges from the words counted so far.
    ///
    /// The vocabulary is smaller than asked for when the texts have no more pairs that are frequent enough.
    package func train() -> TrainedTokenizer {
        var learner = MergeLearner()
        for entry in counts.indices { learner.add(wordCounts[entry], count: counts[entry]) }
        learner.learn(
            tokenCount: settings.vocabularySize - settings.specialTokens.count,
            minimumFrequency: settings.minimumFrequency)
        return TrainedTokenizer(settings: settings, tokens: learner.tokens, merges: learner.merges)
    }
}
