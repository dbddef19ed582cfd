/// What can only be said about several keys together. Runs after the walk and fills the defaults that depend on others.
enum CrossChecks {
    static func run(_ spec: inout JobSpec, _ reader: inout SpecReader) {
        checkLength(&spec, &reader)
        checkDependencies(spec, &reader)
        checkInputs(spec, &reader)
        checkDataset(spec, &reader)
        checkAdapter(spec, &reader)
        checkReference(&spec, &reader)
        checkEvaluation(spec, &reader)
        switch spec.objective {
        case .pretrain(var settings):
            PretrainChecks.run(&settings, spec, &reader)
            spec.objective = .pretrain(settings)
        case .dpo(let settings): checkPairLoss(settings, &reader)
        case .tiDPO(let settings): checkImportance(settings, spec, &reader)
        case .sft, .gmsaAutoencoder, .gmsaFinetune: break
        }
    }

    private static func checkLength(_ spec: inout JobSpec, _ reader: inout SpecReader) {
        let train = spec.train
        if train.epochs != nil, train.steps != nil {
            reader.report("train.steps", "train.epochs is given too; say how long in one way")
        }
        if train.epochs == nil, train.steps == nil { spec.train.epochs = 1 }
        if case .steps(let warmup) = train.warmup, let steps = train.steps, warmup >= steps, warmup > 0 {
            reader.report("train.warmup", "\(warmup) steps of warmup leave nothing of \(steps) steps of training")
        }
    }

    private static func checkDependencies(_ spec: JobSpec, _ reader: inout SpecReader) {
        if Set(spec.after.map(\.target)).count < spec.after.count {
            reader.report("after", "one job stands in the list twice; one condition can hold for it")
        }
    }

    private static func checkInputs(_ spec: JobSpec, _ reader: inout SpecReader) {
        if spec.dataset.train == nil, !reader.isFaulty("dataset") {
            reader.report("dataset.train", "missing; the rows to train on")
        }
        if spec.model == nil, spec.method != .pretrain, !reader.isFaulty("model") {
            reader.report("model", "missing; method \(spec.method.rawValue) trains a model that is there")
        }
        if spec.compressor != nil, spec.method != .gmsaFinetune {
            reader.report("compressor", "only method gmsa-finetune reads one")
        }
        checkCompressor(spec, &reader)
        if spec.adapter != nil, ![.sft, .dpo, .tiDPO].contains(spec.method) {
            reader.report("adapter", "method \(spec.method.rawValue) does not take one")
        }
    }

    /// Fine-tuning reads a trained compressor, or says of what shape an untrained one is. Resolved specifications spell
    /// out all defaults, so a shape beside a compressor is no contradiction: the compressor has its own.
    private static func checkCompressor(_ spec: JobSpec, _ reader: inout SpecReader) {
        guard spec.method == .gmsaFinetune, !reader.isFaulty("compressor") else { return }
        if spec.compressor == nil, !reader.isWritten("objective.encoder") {
            reader.report(
                "compressor",
                "missing; write {job: NAME} of a gmsa-autoencoder job, or objective.encoder for an untrained one")
        }
    }

    private static func checkDataset(_ spec: JobSpec, _ reader: inout SpecReader) {
        let dataset = spec.dataset
        if let prompt = dataset.maxPromptLength, let whole = dataset.maxLength, prompt >= whole {
            reader.report("dataset.max_prompt_length", "\(prompt) leaves no room for a response in max_length \(whole)")
        }
        if dataset.format == .text, spec.method != .pretrain {
            reader.report("dataset.format", "only method pretrain reads plain text")
        }
        if dataset.chatTemplate != nil, ![.sft, .dpo, .tiDPO].contains(spec.method) {
            reader.report("dataset.chat_template", "method \(spec.method.rawValue) reads no conversations")
        }
        let names = [dataset.columns.prompt, dataset.columns.chosen, dataset.columns.rejected]
        if spec.method.readsPreferences, Set(names).count < names.count {
            reader.report("dataset.columns", "prompt, chosen and rejected have to be three different fields")
        }
    }

    private static func checkAdapter(_ spec: JobSpec, _ reader: inout SpecReader) {
        guard let adapter = spec.adapter else { return }
        if adapter.start != nil {
            // Resolved specifications spell out all defaults.
            for key in SpecificationTable.adapterShape(differingIn: adapter) where reader.isWritten("adapter.\(key)") {
                reader.report("adapter.\(key)", "comes from the adapter in adapter.start; leave it out")
            }
        }
        if adapter.layers != nil, case .expression = adapter.targets {
            reader.report("adapter.layers", "the expression in adapter.targets has to name the layers itself")
        }
    }

    private static func checkReference(_ spec: inout JobSpec, _ reader: inout SpecReader) {
        guard spec.method.needsReference else {
            if reader.isWritten("reference"), spec.reference != .none {
                reader.report("reference", "method \(spec.method.rawValue) compares with no reference")
            }
            return
        }
        let needsDistribution = spec.objective.needsReferenceDistribution
        guard reader.isWritten("reference") else {
            spec.reference = spec.adapter != nil ? .adapterOff : needsDistribution ? .live : .cached
            return
        }
        switch spec.reference {
        case .none: reader.report("reference", "method \(spec.method.rawValue) needs one")
        case .adapterOff where spec.adapter == nil:
            reader.report("reference", "adapter_off needs an adapter section; without an adapter, write cached or live")
        case .initialAdapter where spec.adapter?.start == nil:
            reader.report("reference", "initial_adapter needs adapter.start")
        case .cached where needsDistribution:
            reader.report(
                "reference",
                "the objective compares whole distributions (kl_alpha, kl_coef, tdpo1 or tdpo2); write live"
                    + (spec.adapter == nil ? "" : " or adapter_off") + ", or another model")
        default: break
        }
    }

    private static func checkEvaluation(_ spec: JobSpec, _ reader: inout SpecReader) {
        guard spec.dataset.eval == nil, !reader.isFaulty("dataset") else { return }
        if spec.evaluate.everySteps != nil || spec.evaluate.everyEpochs != nil {
            reader.report("evaluate", "there is nothing to evaluate on; dataset.eval is missing")
        }
        if spec.checkpoint.keepBest != nil {
            reader.report("checkpoint.keep_best", "no metric of an evaluation without dataset.eval")
        }
    }

    /// A key that the loss does not read would be a silent no-op. Resolved specifications spell out all defaults.
    private static func checkPairLoss(_ settings: DPOObjective, _ reader: inout SpecReader) {
        let (loss, defaults) = (settings.loss, DPOObjective())
        if settings.labelSmoothing > 0, !loss.takesLabelSmoothing {
            reader.report(
                "objective.label_smoothing", "only sigmoid and robust have one; loss is \(loss.rawValue)")
        }
        if settings.ipoLengthNorm != defaults.ipoLengthNorm, loss != .ipo {
            reader.report("objective.ipo_length_norm", "only ipo reads it; loss is \(loss.rawValue)")
        }
        if settings.klAlpha != defaults.klAlpha, loss != .tdpo2 {
            reader.report("objective.kl_alpha", "only tdpo2 reads it; loss is \(loss.rawValue)")
        }
    }

    private static func checkImportance(_ settings: TIDPOObjective, _ spec: JobSpec, _ reader: inout SpecReader) {
        if settings.baseObjective == .dpo, settings.klAlpha > 0 {
            reader.report(
                "objective.kl_alpha", "only a tdpo base has a KL term; write base_objective: tdpo2, or kl_alpha: 0")
        }
        if settings.attributionTarget == .margin, settings.importanceModel == .reference {
            reader.report(
                "objective.attribution_target",
                "the margin of the reference against itself is 0; ask importance_model: policy")
        }
        if settings.importanceModel == .reference, spec.reference == .cached, settings.importanceRefresh != .once {
            reader.report(
                "objective.importance_refresh",
                "a cached reference is asked once; write importance_refresh: once, or reference: live")
        }
    }
}

extension Objective {
    /// Whether its loss compares whole next-token distributions with the reference.
    package var needsReferenceDistribution: Bool {
        switch self {
        case .dpo(let settings): settings.loss.comparesDistributions
        case .tiDPO(let settings):
            settings.baseObjective != .dpo || settings.klAlpha > 0 || settings.klCoefficient > 0
        case .pretrain, .sft, .gmsaAutoencoder, .gmsaFinetune: false
        }
    }
}
