package import Compute
package import JobModel
package import Transformer

/// A task that can tell its largest pass before it runs.
package protocol MemoryPlanning {
    /// Bytes of working memory for the longest rows of the data.
    var largestPassByteCount: Int { get }
    /// Every model that the task holds, the trained one first.
    var models: [LanguageModel] { get }
    /// What the training rows are like on average; nil where a row is not one pass through the model.
    var averageRow: AverageRow? { get throws }
    /// What a mean row of a compressor's training costs; nil for other tasks.
    var compressionWork: CompressionWork? { get throws }
}

extension MemoryPlanning {
    package var averageRow: AverageRow? { get throws { nil } }
    package var compressionWork: CompressionWork? { get throws { nil } }
}

/// What a job will need, computed by the code that will use it.
package struct MemoryPlan: Sendable, Hashable, Codable {
    /// Bytes of memory: mapped weights, parameters, gradients, moments, working memory, and the program itself.
    package var memory: Int64
    /// Bytes of one checkpoint.
    package var checkpoint: Int64
    /// Bytes of the published artifacts.
    package var artifacts: Int64
    /// Optimizer steps in all; nil where only the run will tell.
    package var steps: Int64?

    /// Code, tokenizer, data index and thread stacks.
    private static let program = 96 << 20

    /// Plans the job of a specification: opens models and data as the run would, and measures.
    ///
    /// - Parameter directory: where nothing is written.
    package init(_ spec: JobSpec, _ inputs: JobInputs, in directory: RunDirectory, team: ThreadTeam) throws {
        if case .pretrain(let objective) = spec.objective, let shape = objective.architecture {
            try self.init(shape, objective, spec, team)
        } else {
            let assembly = TaskAssembly(
                spec, inputs, in: directory, team: team, stop: StopSignal(), observer: SilentObserver(), isPlan: true)
            self.init(try assembly.task(), spec)
        }
    }

    /// The plan of a task that is ready to train.
    package init<Task: TrainingTask & MemoryPlanning>(_ task: Task, _ spec: JobSpec) {
        let schedule = BatchSchedule(rowCount: task.rowCount, spec.train)
        self.init(
            weights: task.models.reduce(0) { $0 + $1.weights.byteCount },
            published: task.models.first?.weights.elementCount ?? 0, trained: task.parameters.count,
            pass: task.largestPassByteCount, spec, steps: schedule.totalSteps)
    }

    /// A new model: its tokenizer is trained by the run, its size is known all the same.
    private init(_ shape: ArchitectureSettings, _ objective: PretrainObjective, _ spec: JobSpec, _ team: ThreadTeam)
        throws
    {
        let vocabularySize = if case .train(let size)? = objective.tokenizer { size } else { 1 << 16 }
        let model = try LanguageModel(
            ModelConfiguration(shape, vocabularySize: vocabularySize, endOfSequence: nil, beginOfSequence: nil),
            from: .random(seed: 0), trained: .all, team: team)
        let length = min(spec.dataset.maxLength ?? shape.context, shape.context)
        let layout = SequenceLayout(lengths: Array(repeating: length, count: spec.train.microbatch))
        let pass = Workspace.byteCount(team) {
            SequencePass(
                model, layout, .everyRow(of: layout), recording: spec.train.recompute ? .blockInputs : .full,
                .statistics, $0)
        }
        let count = model.weights.elementCount
        self.init(weights: model.weights.byteCount, published: count, trained: count, pass: pass, spec, steps: spec.train.steps)
    }

    /// - Parameter weights: in bytes; the other counts are of elements.
    private init(weights: Int, published: Int, trained: Int, pass: Int, _ spec: JobSpec, steps: Int?) {
        let size = MemoryLayout<Real>.stride
        // Frozen weights are mapped from their file, and take memory all the same while they are used.
        memory = Int64(weights + 3 * trained * size + pass * 5 / 4 + Self.program)
        checkpoint = Int64((spec.adapter == nil ? published : trained) * 4 + 2 * trained * size)
        artifacts = Int64(spec.adapter.map { 4 * (trained + ($0.merge ? published : 0)) } ?? 4 * published)
        self.steps = steps.map(Int64.init)
    }
}

extension ModelWeights {
    /// Elements of all tensors of the model.
    var elementCount: Int { entries.reduce(0) { $0 + $1.count } }

    /// Bytes of all tensors of the model, as they are held.
    var byteCount: Int { entries.reduce(0) { $0 + (self[$1.role]?.elements.byteCount ?? 0) } }
}
