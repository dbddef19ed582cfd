package import Compute
import Datasets
import DurableFiles
package import JobModel
import Tokenization
import Transformer

/// Makes the task of a specification: opens models and data, tokenizes, scores the reference.
package struct TaskAssembly {
    package let spec: JobSpec
    package let inputs: JobInputs
    package let directory: RunDirectory
    package let team: ThreadTeam
    package let stop: StopSignal
    package let observer: any TrainingObserver
    /// Leaves out what costs time and does not change what the job needs: scores of the reference.
    package let isPlan: Bool

    package init(
        _ spec: JobSpec, _ inputs: JobInputs, in directory: RunDirectory, team: ThreadTeam, stop: StopSignal,
        observer: any TrainingObserver, isPlan: Bool = false
    ) {
        self.spec = spec
        self.inputs = inputs
        self.directory = directory
        self.team = team
        self.stop = stop
        self.observer = observer
        self.isPlan = isPlan
    }

    /// A task, ready to train.
    package func task() throws -> any TrainingTask & MemoryPlanning {
        switch spec.objective {
        case .pretrain(let objective): try pretraining(objective)
        case .sft: try languageModeling(try PolicyModel(spec, inputs, team: team), kind: .completions)
        case .dpo(let objective): try preference(PreferencePlan(objective))
        case .tiDPO(let objective): try preference(PreferencePlan(objective))
        case .gmsaAutoencoder(let objective): try autoencoder(objective)
        case .gmsaFinetune(let objective): try finetuning(objective)
        }
    }

    private func pretraining(_ objective: PretrainObjective) throws -> any TrainingTask & MemoryPlanning {
        guard let shape = objective.architecture else {
            return try languageModeling(try PolicyModel(spec, inputs, team: team), kind: .documents)
        }
        let folder = try tokenizerFolder(objective, contextLength: shape.context)
        let model = try freshModel(shape, tokenizer: folder.tokenizer())
        let policy = try PolicyModel(
            model, folder: folder, adapter: nil, recompute: spec.train.recompute, team: team)
        return try languageModeling(policy, kind: .documents)
    }

    /// A model of random weights, a pure function of shape, tokenizer and seed.
    private func freshModel(_ shape: ArchitectureSettings, tokenizer: Tokenizer) throws -> LanguageModel {
        let configuration = try ModelConfiguration(
            shape, vocabularySize: tokenizer.vocabularySize, endOfSequence: tokenizer.eosID,
            beginOfSequence: tokenizer.bosID)
        return try LanguageModel(
            configuration, from: .random(seed: UInt64(bitPattern: spec.train.seed)), trained: .all, team: team)
    }

    private func languageModeling(
        _ policy: PolicyModel, kind: SequenceExamples.Kind
    ) throws -> any TrainingTask & MemoryPlanning {
        let tokenizer = try policy.folder.tokenizer()
        let encoder = SequenceEncoder(
            codec: try TextCodec(policy.folder, tokenizer, policy.model.configuration),
            renderer: try policy.folder.renderer(tokenizer),
            settings: try EncodingSettings(spec.dataset, contextLength: policy.model.contextLength))
        func examples(_ role: InputRole) throws -> SequenceExamples? {
            guard let dataset = try dataset(role) else { return nil }
            let examples = try SequenceExamples(dataset, encoder, kind: kind) { try stop.check() }
            note(examples.report.lines, role)
            note(["the first example:\n" + (try examples.sequence(0).description(encoder.codec))], role)
            return examples
        }
        observer.noted("model: \(policy.description(start: inputs[.adapterStart]))")
        observer.began(.tokenize)
        guard let training = try examples(.trainingData) else { throw missing(.trainingData) }
        return LanguageModelingTask(
            policy, spec, training: training, evaluation: try examples(.evaluationData),
            workspace: Workspace(team: team))
    }

    private func preference(_ plan: PreferencePlan) throws -> any TrainingTask & MemoryPlanning {
        observer.began(.load)
        let policy = try PolicyModel(spec, inputs, team: team)
        let source = ReferenceSource(spec, inputs, policy: policy, plan: plan, team: team)
        let reference = try source.model()
        let tokenizer = try policy.folder.tokenizer()
        let encoder = PairEncoder(
            codec: try TextCodec(policy.folder, tokenizer, policy.model.configuration),
            renderer: try policy.folder.renderer(tokenizer),
            settings: try EncodingSettings(spec.dataset, contextLength: policy.model.contextLength))
        func examples(_ role: InputRole) throws -> PairExamples? {
            guard let dataset = try dataset(role) else { return nil }
            let examples = try PairExamples(dataset, encoder) { try stop.check() }
            note(examples.report.lines, role)
            note(["the first example:\n" + (try examples.pair(0).description(encoder.codec))], role)
            return examples
        }
        observer.began(.tokenize)
        guard let training = try examples(.trainingData) else { throw missing(.trainingData) }
        let evaluation = try examples(.evaluationData)
        observer.noted("model: \(policy.description(start: inputs[.adapterStart]))")
        observer.noted("reference: \(source.description)")
        let workspace = Workspace(team: team)
        let scorer = PreferenceScorer(
            policy: policy, reference: reference, plan: plan, sharesPrompts: spec.train.prefixSharing,
            workspace: workspace)
        func scores(_ examples: PairExamples?) throws -> ReferenceScores {
            guard let examples, source.isCached, !isPlan else { return .live }
            observer.began(.hash)
            let key = ReferenceScoreKey(
                model: try source.digest { try stop.check() }, arithmetic: source.arithmetic, examples: examples)
            observer.began(.evaluate)
            return .cached(
                try ReferenceScoreCache.opened(
                    in: directory.cache, key, examples, reference, batch: source.batch,
                    sharesPrompts: spec.train.prefixSharing, workspace, note: { observer.noted($0) },
                    interruption: { try stop.check() }))
        }
        return PreferenceTask(
            spec, scorer, isReferenceCached: source.isCached, training: training, evaluation: evaluation,
            references: (try scores(training), try scores(evaluation)), workspace: workspace)
    }

    private func autoencoder(_ objective: GMSAAutoencoderObjective) throws -> any TrainingTask & MemoryPlanning {
        observer.began(.tokenize)
        let task = try GMSAAutoencoderTask(
            spec, objective, inputs, workspace: Workspace(team: team), dataset: dataset,
            interruption: { try stop.check() })
        try noteData(task.dataNotes)
        return task
    }

    private func finetuning(_ objective: GMSAFinetuneObjective) throws -> any TrainingTask & MemoryPlanning {
        observer.began(.tokenize)
        let task = try GMSAFinetuneTask(
            spec, objective, inputs, workspace: Workspace(team: team), dataset: dataset,
            interruption: { try stop.check() })
        try noteData(task.dataNotes)
        return task
    }

    private func dataset(_ role: InputRole) throws -> Dataset? {
        let paths = inputs.rows(role)
        if paths.isEmpty { return nil }
        for path in paths where spec.dataset.format == .text && fileKind(path) == .file {
            guard try DatasetFileKind(path: path).format != .text else { continue }
            throw TrainingError.specification(
                "dataset.format: text is read from files ending in .txt, .txt.gz or .txt.zst, found \(path)")
        }
        return try Dataset(paths, columns: ColumnNames(spec.dataset.columns), scratch: directory.cache)
    }

    private func noteData(_ notes: (InputRole) throws -> [String]) rethrows {
        for role in [InputRole.trainingData, .evaluationData] { note(try notes(role), role) }
    }

    private func note(_ lines: [String], _ role: InputRole) {
        for line in lines { observer.noted("\(role.rawValue): \(line)") }
    }

    private func missing(_ role: InputRole) -> TrainingError {
        .specification("\(role.rawValue): missing, and this method needs it")
    }
}

// MARK: - Tokenizer of a new model

extension TaskAssembly {
    /// The tokenizer folder of a new model: given, or trained on the training text once and kept in the run directory.
    private func tokenizerFolder(_ objective: PretrainObjective, contextLength: Int) throws -> ModelFolder {
        switch objective.tokenizer {
        case .path: return ModelFolder(try inputs.required(.tokenizer))
        case .train(let vocabularySize):
            let path = directory.cache + "/tokenizer"
            if fileKind(path) != .directory {
                try trainTokenizer(vocabularySize: vocabularySize, contextLength: contextLength)
            }
            return ModelFolder(path)
        case nil:
            throw TrainingError.specification("objective.tokenizer: missing, and a new model needs one")
        }
    }

    private func trainTokenizer(vocabularySize: Int, contextLength: Int) throws {
        observer.began(.tokenize)
        guard let dataset = try dataset(.trainingData) else { throw missing(.trainingData) }
        var settings = BytePairTrainer.Settings(vocabularySize: vocabularySize)
        settings.maximumLength = contextLength
        var trainer = try BytePairTrainer(settings)
        for row in 0..<dataset.count {
            trainer.add(try dataset.text(row))
            try stop.check()
        }
        let trained = trainer.train()
        observer.noted("trained a tokenizer of \(trained.vocabularySize) tokens on \(dataset.count) texts")
        try makeDirectory(directory.cache)
        var folder = try DurableDirectory(in: directory.cache, name: "tokenizer", temporaryName: ".tokenizer.tmp")
        try folder.add("tokenizer.json") { try $0.write(trained.tokenizerJSON) }
        try folder.add("tokenizer_config.json") { try $0.write(trained.configurationJSON) }
        FailPoint.reach("tokenizer.before_rename")
        try folder.publish()
    }
}
