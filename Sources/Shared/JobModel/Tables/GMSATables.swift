/// The objective sections of the GMSA stages.
enum GMSATables {
    static let autoencoder = Section<GMSAAutoencoderObjective>(
        [
            .section("encoder", \.encoder, encoder),
            .section("merge", \.merge, merge),
            .section("lsa", \.lsa, alignment),
            .section("rates", \.rates, rates),
            .section("decoder", \.decoder, decoder),
            .section("ae", \.ae, restatement),
            .section("generation", \.generation, generation),
            .section("segment", \.segment, segment),
            .value("loss_reduction", \.lossReduction, .word, "how token losses are reduced"),
        ], hint: { MethodTable.hint(for: $0, of: .gmsaAutoencoder) })

    static let finetune = Section<GMSAFinetuneObjective>(
        [
            .section("stage2", \.stage2, stageTwo),
            .section("encoder", \.encoder, encoder),
            .section("merge", \.merge, merge),
            .section("lsa", \.lsa, alignment),
            .section("rates", \.rates, rates),
            .section("decoder", \.decoder, decoder),
            .section("prompt", \.prompt, prompt),
            .section("generation", \.generation, generation),
            .section("segment", \.segment, segment),
            .value("loss_reduction", \.lossReduction, .word, "how token losses are reduced"),
        ], hint: { MethodTable.hint(for: $0, of: .gmsaFinetune) })

    private static let encoder = Section<GMSAEncoderSettings>([
        .value("layers", \.layers, .integer(1...4096), "layers taken from the model"),
        .value("lora_rank", \.loraRank, .integer(1...65_536), "rank of its adapters"),
        .value("lora_alpha", \.loraAlpha, .number(.positive), "scale of its adapters"),
        .value("lora_dropout", \.loraDropout, .number(.belowOne), "dropout of its adapters"),
        .value("final_norm", \.finalNorm, .flag, "the model's final norm follows"),
        .value("attention", \.attention, .word, "what its layers attend to"),
    ])

    private static let merge = Section<GMSAMergeSettings>([
        .value("kind", \.kind, .word, "how states become soft tokens"),
        .optional(
            "memory_tokens", \.memoryTokens, .count(), "rows of their table; left out: what the longest context needs"),
        .value("remainder", \.remainder, .word, "what becomes of a last group with fewer tokens"),
        .value("phase_jitter", \.phaseJitter, .flag, "shift the grouping at random in training"),
    ])

    private static let alignment = Section<GMSAAlignmentSettings>([
        .value("kind", \.kind, .word, "what aligns merged states with the decoder"),
        .value("init", \.initialization, .word, "what alignment layers start from"),
        .value("layers", \.layers, .integer(1...4096), "alignment layers"),
        .value("final_norm", \.finalNorm, .word, "what becomes of the final norm"),
        .value("attention", \.attention, .word, "what its layers attend to"),
        .value("positions", \.positions, .word, "positions of the soft tokens"),
        .value("out_scale", \.outputScale, .word, "scale of the soft tokens"),
    ])

    private static let rates = Section<GMSARateSettings>([
        .value("train", \.train, .list(of: .integer(1...4096), atLeast: 1), "tokens for one soft token"),
        .value("sampling", \.sampling, .word, "how a rate is chosen in training"),
        .value("curriculum", \.curriculum, .list(of: .integer(1...4096)), "rates that are trained first, in turn, each as long as the rest"),
        .value("evaluate", \.evaluate, .list(of: .integer(1...4096)), "rates of evaluations; left out: those of train"),
    ])

    private static let decoder = Section<GMSADecoderSettings>([
        .value("soft_positions", \.softPositions, .word, "positions of the soft tokens in the decoder"),
        .value("lora_rank", \.loraRank, .integer(1...65_536), "rank of adapters on q, k, v, where they train"),
        .value("lora_alpha", \.loraAlpha, .number(.positive), "scale of these adapters"),
        .value("lora_dropout", \.loraDropout, .number(.belowOne), "dropout of these adapters"),
    ])

    private static let restatement = Section<GMSARestatementSettings>([
        .value("prompt", \.prompt, .word, "what asks the decoder to restate"),
        .value("text", \.text, .text(limit: 1000), "the instruction in words"),
        .value("decoder", \.decoder, .word, "what trains in the decoder"),
    ])

    private static let segment = Section<GMSASegmentSettings>([
        .optional("tokens", \.tokens, .count(), "tokens of a segment; left out: the model's context"),
        .value("overlap", \.overlap, .count(atLeast: 0), "tokens that two segments share"),
    ])

    private static let stageTwo = Section<GMSAStageTwoSettings>([
        .value("train", \.train, .word(among: ["qkv", "full", "lora"]), "what trains in the decoder"),
        .value("encoder_mode", \.encoderMode, .word, "dropout of the frozen encoder: eval is off"),
    ])

    private static let prompt = Section<GMSAPromptSettings>([
        .value("add_bos", \.addBOS, .flag, "a beginning-of-sequence token comes first"),
        .value("qa_template", \.qaTemplate, .text(limit: 1000), "the question; {prompt} stands for the row's prompt"),
    ])

    private static let generation = Section<GMSAGenerationSettings>([
        .value("rows", \.rows, .count(atLeast: 0), "rows of an evaluation whose answers are written"),
        .value("max_new", \.maxNew, .count(), "most tokens of an answer"),
        .value(
            "repetition_penalty", \.repetitionPenalty, .number(NumberRange(lower: .including(1), upper: nil)), "1: none"
        ),
        .value("f1_refs", \.f1References, .word, "which of several gold answers counts"),
    ])
}
