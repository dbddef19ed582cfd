/// The objective sections of language modelling and of the preference methods.
enum ObjectiveTables {
    static let pretrain = Section<PretrainObjective>(
        [
            .optionalSection("architecture", \.architecture, architecture, start: { ArchitectureSettings() }),
            .optional(
                "tokenizer", \.tokenizer, .tokenizer,
                "the tokenizer of a new model; left out: one of 2048 ids is trained"),
        ], hint: { MethodTable.hint(for: $0, of: .pretrain) })

    static let architecture = Section<ArchitectureSettings>([
        .value("hidden_size", \.hiddenSize, .count(), "width of the residual stream"),
        .value("intermediate_size", \.intermediateSize, .count(), "width of the gated feed-forward layer"),
        .value("layers", \.layers, .integer(1...4096), "blocks"),
        .value("heads", \.heads, .integer(1...65_536), "query heads"),
        .optional(
            "key_value_heads", \.keyValueHeads, .integer(1...65_536),
            "key and value heads, a divisor of heads; left out: heads"),
        .optional(
            "head_dim", \.headDimension, .integer(2...65_536),
            "width of one head, even; left out: hidden_size / heads"),
        .value("context", \.context, .count(atLeast: 2), "longest sequence"),
        .value("tie_embeddings", \.tieEmbeddings, .flag, "the head shares the embedding matrix"),
        .value("rope_theta", \.ropeTheta, .number(.positive), "base of the rotary position angles"),
        .value("rms_norm_eps", \.rmsNormEpsilon, .number(.positive), "offset in RMSNorm"),
        .value(
            "initializer_range", \.initializerRange, .number(.positive),
            "standard deviation of the random initial weights"),
    ])

    static let sft = Section<SFTObjective>(
        [.value("loss_on", \.lossOn, .word, "tokens that count in the loss")],
        hint: { MethodTable.hint(for: $0, of: .sft) })

    static let dpo = Section<DPOObjective>(
        [
            .value(
                "loss", \.loss, .word, "the loss on the margin of a pair, TRL's loss_type; sigmoid is DPO itself"),
            .value("beta", \.beta, .number(.positive), "scale of the implicit reward"),
            .value(
                "label_smoothing", \.labelSmoothing, .number(NumberRange(lower: .including(0), upper: .excluding(0.5))),
                "probability that a label is wrong, for sigmoid (cDPO) and robust"),
            .value("ipo_length_norm", \.ipoLengthNorm, .flag, "ipo: log-ratios per token instead of their sums"),
            .value("kl_alpha", \.klAlpha, .number(.notNegative), "tdpo2: weight of the sequential KL difference"),
            .value(
                "sft_weight", \.sftWeight, .number(.notNegative),
                "weight of the negative log-likelihood of the chosen response"),
        ], hint: { MethodTable.hint(for: $0, of: .dpo) })

    /// `preset` comes first: it sets what the keys after it override.
    static let tiDPO = Section<TIDPOObjective>(
        [
            .value("preset", \.preset, .word, "the set of values for what is left out") { $0.preset.apply(to: &$0) },
            .value("beta", \.beta, .number(.positive), "scale of the implicit reward"),
            .value("lambda", \.lambda, .number(.share), "share of gradient attribution against the Gaussian prior"),
            .value(
                "prior_sigma_div", \.priorSigmaDivisor, .number(NumberRange(lower: .including(1), upper: nil)),
                "the prior's sigma is span length / this"),
            .value("prior_sigma_floor", \.priorSigmaFloor, .number(.notNegative), "smallest sigma, in tokens"),
            .value("span", \.span, .word, "tokens over which importance is normalised"),
            .value(
                "weight_scale", \.weightScale, .word,
                "how token weights are scaled; with mean_one, uniform weights are DPO"),
            .value("attribution_target", \.attributionTarget, .word, "the scalar whose gradient is the attribution"),
            .value("attribution_norm", \.attributionNorm, .word, "norm over embedding channels"),
            .value("importance_model", \.importanceModel, .word, "the model that is asked for importance"),
            .value("importance_refresh", \.importanceRefresh, .refresh, "how often importance is computed anew"),
            .value("base_objective", \.baseObjective, .word, "the preference loss under the weights"),
            .value(
                "kl_alpha", \.klAlpha, .number(.notNegative),
                "weight of the sequential KL difference inside a tdpo base"),
            .value("kl_coef", \.klCoefficient, .number(.notNegative), "weight of an added mean KL"),
            .value("gamma", \.gamma, .number(.notNegative), "weight of the triplet term; 0: no anchors either"),
            .value("triplet_margin", \.tripletMargin, .number(.notNegative), "margin of the triplet term"),
            .value(
                "triplet_normalize", \.tripletNormalize, .word, "mean: divide squared distances by the overlap length"),
            .value("anchor_source", \.anchorSource, .word, "where anchors start"),
            .value("anchor_prefix", \.anchorPrefix, .count(), "chosen tokens before the anchor, for chosen_prefix"),
            .value("anchor_max_new", \.anchorMaxNew, .count(), "most tokens of an anchor"),
            .value("top_k", \.topK, .count(atLeast: 0), "anchor sampling: the most likely ids that stay; 0: all"),
            .value("top_p", \.topP, .number(.positiveShare), "anchor sampling: the probability mass that stays"),
            .value("temperature", \.temperature, .number(.positive), "anchor sampling temperature"),
        ], hint: { MethodTable.hint(for: $0, of: .tiDPO) })
}

extension ValueGrammar where Value == ImportanceRefresh {
    static var refresh: ValueGrammar {
        let type = "step, once or {every_k: STEPS}"
        return ValueGrammar(type: type) { node, path, reader in
            switch node.content {
            case .scalar("step", _): return .step
            case .scalar("once", _): return .once
            case .mapping:
                var parts = RefreshParts()
                RefreshParts.section.read(node, path, into: &parts, &reader)
                return parts.steps.map { .every($0) }
            case .scalar, .sequence:
                reader.report(node, path, expected: type)
                return nil
            }
        } write: { refresh in
            switch refresh {
            case .step: .text("step")
            case .once: .text("once")
            case .every(let steps): RefreshParts.section.write(RefreshParts(steps: steps))
            }
        }
    }
}

private struct RefreshParts: Sendable {
    var steps: Int?

    static let section = Section<RefreshParts>([
        .optional("every_k", \.steps, .count(), "optimizer steps between two computations", isRequired: true)
    ])
}

extension ValueGrammar where Value == TokenizerSource {
    static var tokenizer: ValueGrammar {
        let type = "{vocabulary_size: IDS} or {path: INPUT}"
        return ValueGrammar(type: type) { node, path, reader in
            guard case .mapping(let entries) = node.content, entries.count == 1 else {
                reader.report(node, path, expected: type)
                return nil
            }
            var parts = TokenizerParts()
            TokenizerParts.section.read(node, path, into: &parts, &reader)
            return parts.path.map { .path($0) } ?? parts.vocabularySize.map { .train(vocabularySize: $0) }
        } write: { source in
            switch source {
            case .train(let size): TokenizerParts.section.write(TokenizerParts(vocabularySize: size))
            case .path(let reference): TokenizerParts.section.write(TokenizerParts(path: reference))
            }
        }
    }
}

private struct TokenizerParts: Sendable {
    var vocabularySize: Int?
    var path: InputReference?

    /// 256 bytes and at least one special token have to fit.
    static let section = Section<TokenizerParts>([
        .optional(
            "vocabulary_size", \.vocabularySize, .integer(260...1_000_000), "ids of a tokenizer trained on the text"),
        .optional("path", \.path, .input, "a ready tokenizer"),
    ])
}
