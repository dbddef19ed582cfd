package import JSON
package import Transformer

/// gmsa.json: what a published compressor is, what it was made from and with.
package struct CompressorRecord: Sendable, Equatable {
    /// Which stage the artifacts come from.
    package enum Stage: String, Sendable, CaseIterable {
        case autoencoding, finetune
    }

    /// The model whose layers it uses.
    package struct Base: Sendable, Equatable {
        /// Folder or name.
        package var id: String
        /// Digest of its configuration and weights.
        package var sha256: String

        /// A base by name and digest.
        package init(id: String, sha256: String) {
            self.id = id
            self.sha256 = sha256
        }
    }

    /// How contexts were cut into pieces that are compressed apart.
    package struct Segment: Sendable, Equatable {
        /// Tokens of a piece.
        package var tokens: Int
        /// Tokens that a piece shared with the one before it.
        package var overlap: Int

        /// Pieces of `tokens` tokens.
        package init(tokens: Int, overlap: Int = 0) {
            self.tokens = tokens
            self.overlap = overlap
        }
    }

    /// Which stage the artifacts come from.
    package var stage: Stage
    /// The model whose layers it uses.
    package var base: Base
    /// The shape of the compressor.
    package var settings: CompressorSettings
    /// How contexts were cut in training; nil where each was compressed in one piece.
    package var segment: Segment?
    /// Rates that were trained; the first is the default.
    package var rates: [Int]
    /// What trained in the decoder: none, qkv, full.
    package var decoderTraining: String
    /// What asks the decoder to restate.
    package var restatement: String
    /// How the decoder was asked in fine-tuning; `{prompt}` stands for the question.
    package var questionTemplate = "{prompt}"
    /// Steps, rates of learning and the like, for people.
    package var training: JSONObject
    /// Last evaluation, for people.
    package var metrics: [String: Double]

    /// A record from its parts.
    package init(
        stage: Stage, base: Base, settings: CompressorSettings, segment: Segment? = nil, rates: [Int],
        decoderTraining: String, restatement: String, training: JSONObject = [:], metrics: [String: Double] = [:]
    ) {
        self.stage = stage
        self.base = base
        self.settings = settings
        self.segment = segment
        self.rates = rates
        self.decoderTraining = decoderTraining
        self.restatement = restatement
        self.training = training
        self.metrics = metrics
    }

    /// The name of the file in a folder of artifacts.
    package static let fileName = "gmsa.json"
}

// MARK: - Writing

extension CompressorRecord {
    /// The file's content.
    ///
    /// - Parameter hiddenSize: width of the soft tokens, for people.
    package func encoded(hiddenSize: Int) -> JSONValue {
        .object([
            "format": .string("gmsa"), "version": .integer(1), "stage": .string(stage.rawValue),
            "hidden_size": .integer(hiddenSize),
            "base_model": .object(["id": .string(base.id), "sha256": .string(base.sha256)]),
            "encoder": encoder, "lsa": alignment,
            "merge": merge,
            "segment": segment.map(encoded) ?? .null,
            "rates": .object([
                "train": .array(rates.map { .integer($0) }), "default": rates.first.map { .integer($0) } ?? .null,
            ]),
            "decoder": .object(["trained": .string(decoderTraining)]),
            "prompt": .object([
                "ae": .string(restatement), "qa_template": .string(questionTemplate),
                "learned": .bool(settings.hasLearnedPrompt), "add_bos": .bool(false),
            ]),
            "training": .object(training), "metrics": .object(JSONObject(metrics.mapValues { .number($0) })),
        ])
    }

    /// Every linear of an encoder layer has an adapter.
    private static let adapterTargets = [
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    ]

    private var encoder: JSONValue {
        .object([
            "num_layers": .integer(settings.encoderLayers), "attention": .string("causal"),
            "final_norm": .bool(settings.hasEncoderNorm),
            "lora": .object([
                "r": .integer(settings.adapterRank), "alpha": .number(settings.adapterAlpha),
                "dropout": .number(settings.adapterDropout), "targets": .array(Self.adapterTargets.map { .string($0) }),
            ]),
        ])
    }

    private func encoded(_ segment: Segment) -> JSONValue {
        var fields: JSONObject = ["tokens": .integer(segment.tokens)]
        if segment.overlap > 0 { fields["overlap"] = .integer(segment.overlap) }
        return .object(fields)
    }

    private var merge: JSONValue {
        var merge: JSONObject = [
            "kind": .string(settings.merge.rawValue), "remainder": .string(settings.remainder.rawValue),
        ]
        if settings.merge == .memoryTokens { merge["memory_tokens"] = .integer(settings.memoryTokenCount) }
        return .object(merge)
    }

    private var alignment: JSONValue {
        .object([
            "kind": .string(settings.alignment.rawValue), "num_layers": .integer(settings.alignmentLayers),
            "init": .string(settings.alignmentStart.rawValue),
            "final_norm": .string(settings.alignmentNorm.rawValue), "positions": .string("index"),
        ])
    }
}

// MARK: - Reading

extension CompressorRecord {
    /// Reads gmsa.json of a folder of artifacts.
    package init(folder: String) throws {
        let file = folder + "/" + Self.fileName
        try self.init(
            JSONValue.read(file, hint: "the artifacts of a gmsa-autoencoder job hold \(Self.fileName)"), file: file)
    }

    /// Decodes the file, strictly where something would be computed differently.
    package init(_ root: JSONValue, file: String) throws(ModelError) {
        let fields = try JSONFields(root, file: file)
        let base = try fields.part("base_model")
        stage = try fields.word("stage")
        self.base = Base(id: try base.required("id"), sha256: try base.required("sha256"))
        settings = try CompressorSettings(fields)
        // Not in older files, whose contexts were compressed in one piece or with --segment.
        segment = try fields.object("segment").map { segment throws(ModelError) in
            Segment(tokens: try segment.requiredCount("tokens"), overlap: try segment.count("overlap") ?? 0)
        }
        rates = try fields.part("rates").tokenIDs("train").map { Int($0) }
        decoderTraining = try fields.part("decoder").required("trained")
        restatement = try fields.part("prompt").required("ae")
        questionTemplate = try fields.part("prompt").string("qa_template") ?? "{prompt}"
        training = try fields.part("training").values
        metrics = [:]
        let recorded = try fields.part("metrics")
        for name in recorded.values.keys.sorted() { metrics[name] = try recorded.number(name) }
    }
}

extension CompressorSettings {
    fileprivate init(_ fields: JSONFields) throws(ModelError) {
        let (encoder, alignment, merge) = (
            try fields.part("encoder"), try fields.part("lsa"), try fields.part("merge")
        )
        let adapter = try encoder.part("lora")
        self.init(
            encoderLayers: try encoder.requiredCount("num_layers"), adapterRank: try adapter.requiredCount("r"),
            adapterAlpha: try adapter.positive("alpha") ?? 0, adapterDropout: try adapter.number("dropout") ?? 0,
            hasEncoderNorm: try encoder.bool("final_norm") ?? true,
            alignmentLayers: try alignment.requiredCount("num_layers"), alignmentNorm: try alignment.word("final_norm"),
            remainder: try merge.word("remainder"), alignment: try alignment.word("kind"),
            alignmentStart: try alignment.word("init"), merge: try merge.word("kind"),
            memoryTokenCount: try merge.count("memory_tokens") ?? 0,
            hasLearnedPrompt: try fields.part("prompt").bool("learned") ?? false)
        try encoder.require("attention", "causal")
        try alignment.require("positions", "index")
    }
}

extension JSONFields {
    /// An object that must be there.
    fileprivate func part(_ key: String) throws(ModelError) -> JSONFields {
        guard let part = try object(key) else { throw malformed(key, .null, "an object") }
        return part
    }

    /// A string that must be there.
    fileprivate func required(_ key: String) throws(ModelError) -> String {
        guard let text = try string(key) else { throw malformed(key, .null, "a string") }
        return text
    }

    /// One of a few words.
    fileprivate func word<Word: RawRepresentable<String>>(_ key: String) throws(ModelError) -> Word {
        let text = try required(key)
        guard let word = Word(rawValue: text) else { throw malformed(key, .string(text), "a word this program knows") }
        return word
    }

    /// Refuses any other value.
    fileprivate func require(_ key: String, _ expected: String) throws(ModelError) {
        let found = try required(key)
        guard found == expected else {
            throw .unsupportedFeature(file: file, key: key, found: found, supported: expected)
        }
    }
}
