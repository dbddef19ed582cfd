package import Compute
import DurableFiles
package import JobModel
import Safetensors
import Transformer

/// The training loop of every method.
package final class Trainer<Task: TrainingTask> {
    private let task: Task
    private let settings: TrainerSettings
    private let directory: RunDirectory
    private let numerics: Numerics
    private let context: Context
    private let stop: StopSignal
    private let observer: any TrainingObserver

    private let optimizer: AdamW
    private let rates: LearningRateSchedule
    private let store: CheckpointStore
    private var schedule: BatchSchedule
    private var cadence: CheckpointCadence
    private var throughput: Throughput
    private var state: TrainingState
    private var log: MetricLog

    /// Takes up the run where its newest valid checkpoint stands, or at step 0.
    ///
    /// The caller holds the run's lock.
    package init(
        _ task: Task, _ settings: TrainerSettings, in directory: RunDirectory, run: RunIdentity, numerics: Numerics,
        _ context: Context, stop: StopSignal, observer: any TrainingObserver
    ) throws {
        self.task = task
        self.settings = settings
        self.directory = directory
        self.numerics = numerics
        self.context = context
        self.stop = stop
        self.observer = observer
        let train = settings.train
        schedule = BatchSchedule(rowCount: task.rowCount, train)
        rates = LearningRateSchedule(train, total: schedule.totalSteps)
        optimizer = try AdamW(task.parameters, AdamW.Settings(train))
        cadence = CheckpointCadence(settings.checkpoint)
        throughput = Throughput()
        store = try CheckpointStore(directory.checkpoints, run: run)
        state = TrainingState(cursor: schedule.cursor(after: 0, datasetSha256: task.datasetSha256))
        log = MetricLog(directory.metrics)
    }

    /// Trains to the last step: draw, accumulate, clip, update, report; evaluate, save and stop where it is due.
    ///
    /// Throws `StopSignal.Stopped` when it was asked to stop, after saving the last finished step.
    package func run() throws -> TrainingState {
        try resumeOrBegin()
        do {
            while true {
                try evaluateIfDue()
                try saveIfDue()
                if state.step == schedule.totalSteps { return state }

                try takeStep()
            }
        } catch let stopped as StopSignal.Stopped {
            if stopped.mode == .checkpoint { try saveBeforeStopping() }
            throw stopped
        }
    }

    /// One optimizer step: draw, accumulate, clip, update, report. Benchmarks time this.
    package func takeStep() throws {
        let step = try draw()
        try task.prepare(step, stop)
        task.parameters.zeroGradients(context.team)
        for microbatch in step.microbatches.indices {
            state.tokens += try task.accumulate(microbatch, of: step)
            try stop.check()
        }
        let norm = try finiteGradientNorm(step)
        let rate = rates.rate(after: state.step)
        optimizer.update(step: state.step + 1, learningRate: rate, gradientNorm: norm, context)
        try report(step, gradientNorm: norm, learningRate: rate)
    }

    private func draw() throws -> StepRows {
        observer.began(.train)
        throughput.stepBegins()
        tokensBeforeStep = state.tokens
        let microbatches = schedule.microbatches(after: state.step)
        let weight = try microbatches.joined().reduce(0) { try $0 + task.weight(ofRow: $1) }
        return StepRows(step: state.step, microbatches: microbatches, weight: Double(weight))
    }

    /// Tokens when the step in work began: a stop drops what the unfinished step added.
    private var tokensBeforeStep = 0

    private func finiteGradientNorm(_ step: StepRows) throws -> Double {
        let norm = optimizer.gradientNorm(context)
        guard norm.isFinite else {
            throw TrainingError.diverged(step: step.step + 1, what: "the gradient", rows: step.rows)
        }
        return norm
    }

    private func report(_ step: StepRows, gradientNorm: Double, learningRate: Double) throws {
        state.step += 1
        state.cursor = schedule.cursor(after: state.step, datasetSha256: task.datasetSha256)
        let tokens = state.tokens - tokensBeforeStep
        tokensBeforeStep = state.tokens
        var metrics = task.takeStepMetrics()
        metrics["grad_norm"] = gradientNorm
        metrics["learning_rate"] = learningRate
        metrics["num_tokens"] = Double(state.tokens)
        state.stepMetrics = metrics
        if state.step % settings.train.logEvery == 0 || state.step == schedule.totalSteps { try write(metrics) }
        throughput.stepEnded(tokens: tokens)
        observer.progressed(progress())
    }

    private func progress() -> ProgressEvent {
        ProgressEvent(
            step: Int64(state.step), total: Int64(schedule.totalSteps), loss: state.stepMetrics["loss"],
            lr: state.stepMetrics["learning_rate"], tokS: throughput.tokensPerSecond,
            etaS: throughput.secondsFor(steps: schedule.totalSteps - state.step),
            metrics: state.stepMetrics.merging(prefixed(state.evaluationMetrics)) { mine, _ in mine })
    }

    private func write(_ metrics: [String: Double]) throws {
        try log.append(MetricLine(step: state.step, epoch: schedule.epoch(after: state.step), metrics: metrics))
        FailPoint.reach("metrics.after_line")
    }

    private func prefixed(_ metrics: [String: Double]) -> [String: Double] {
        Dictionary(uniqueKeysWithValues: metrics.map { ("eval_" + $0.key, $0.value) })
    }
}

// MARK: - Evaluation

extension Trainer {
    private var isEvaluationDue: Bool {
        guard task.evaluates, state.evaluatedStep != state.step else { return false }
        if state.step == 0 || state.step == schedule.totalSteps { return true }
        let every = settings.evaluate
        return every.everySteps.map { state.step % $0 == 0 } ?? false
            || every.everyEpochs.map { state.step % ($0 * schedule.stepsPerEpoch) == 0 } ?? false
    }

    private func evaluateIfDue() throws {
        guard isEvaluationDue else { return }
        observer.began(.evaluate)
        let metrics = try task.evaluate(stop)
        state.evaluatedStep = state.step
        state.evaluationMetrics = metrics
        if state.step == 0 { state.initialMetrics = metrics }
        try write(prefixed(metrics))
        try noteBest()
        // Only a stop saves a step before its evaluation, but for the first; an undisturbed run knows it.
        if state.step > 0 && cadence.lastStep == state.step { cadence.saveAgain() }
        observer.progressed(progress())
    }

    private func noteBest() throws {
        guard let name = settings.checkpoint.keepBest else { return }
        let metrics = prefixed(state.evaluationMetrics)
        guard let value = metrics[name] else {
            throw TrainingError.specification(
                "checkpoint.keep_best: \(name) is no metric of this evaluation, which has "
                    + metrics.keys.sorted().joined(separator: ", "))
        }
        if let best = state.best, settings.checkpoint.keepBestIsSmallest ? value >= best.value : value <= best.value {
            return
        }
        state.best = TrainingState.Best(metric: name, value: value, step: state.step)
        if cadence.lastStep != state.step { cadence.saveNow() }
    }
}

// MARK: - Checkpoints

extension Trainer {
    private func resumeOrBegin() throws {
        observer.began(.load)
        let newest = try store.newestValid(interruption: { try stop.check() }) { [observer] in
            observer.noted("set aside: \($0)")
        }
        if let newest {
            try resume(from: newest)
        } else {
            try task.restoreState(from: nil)
            try log.open(cutTo: 0)
            // A full disk shows now, not after hours.
            try save()
        }
    }

    private func resume(from checkpoint: Checkpoint) throws {
        try checkNumerics(checkpoint.manifest.numerics)
        let saved = try JSONCoding.decode(
            TrainingState.self, from: readFile(checkpoint.path + "/" + CheckpointFiles.state, limit: 1 << 24))
        guard saved.cursor == schedule.cursor(after: saved.step, datasetSha256: task.datasetSha256) else {
            throw TrainingError.data(
                "the training rows are not those of \(checkpoint.name): a file or tokenizer changed")
        }
        try task.readWeights(from: checkpoint.path)
        let moments = try SafetensorsFile(checkpoint.path + "/" + CheckpointFiles.optimizer)
        try task.parameters.read(optimizer.firstMoment, prefix: CheckpointFiles.firstMoment, from: moments)
        try task.parameters.read(optimizer.secondMoment, prefix: CheckpointFiles.secondMoment, from: moments)
        let extra = checkpoint.path + "/" + CheckpointFiles.task
        try task.restoreState(from: fileKind(extra) == .file ? SafetensorsFile(extra) : nil)
        try log.open(cutTo: checkpoint.manifest.metricsOffset)
        state = saved
        tokensBeforeStep = saved.tokens
        cadence.saved(step: saved.step, seconds: nil)
        observer.noted("resumed from \(checkpoint.name)")
        observer.progressed(progress())
    }

    private func checkNumerics(_ recorded: Numerics) throws {
        let differences = numerics.differences(from: recorded)
        if differences.isEmpty { return }
        if settings.determinism == .strict { throw TrainingError.numericsDiffer(differences) }
        observer.noted("not bit-identical from here: \(differences.joined(separator: "; "))")
    }

    private func saveIfDue() throws {
        if cadence.lastStep == state.step { return }
        let isLast = state.step == schedule.totalSteps
        guard isLast || stop.takeCheckpointRequest() || cadence.isDue(step: state.step) else { return }
        do {
            try save()
        } catch where !isLast && (error is FileError || error is CheckpointError) {
            cadence.failed(step: state.step)
            observer.failedToSave(errno: (error as? FileError)?.code ?? 0)
            observer.noted("\(error)")
            if cadence.failures >= 3 { throw TrainingError.checkpointsFail("\(error)") }
        }
    }

    /// The last finished step: gradients of the unfinished one are dropped, and done again identically.
    private func saveBeforeStopping() throws {
        state.tokens = tokensBeforeStep
        if cadence.lastStep != state.step { try save() }
    }

    private func save() throws {
        observer.began(.checkpoint)
        let clock = ContinuousClock()
        let begin = clock.now
        try log.sync()
        let checkpoint = try store.write(step: state.step, metricsOffset: log.offset, numerics: numerics) {
            try writeFiles(into: &$0)
        }
        let duration = begin.duration(to: clock.now)
        cadence.saved(step: state.step, seconds: duration / .seconds(1))
        observer.saved(
            CheckpointEvent(
                step: Int64(state.step), dir: checkpoint.name, manifestSha256: checkpoint.manifestSha256,
                bytes: Int64(checkpoint.manifest.byteCount), ms: Int64(duration / .milliseconds(1))))
        try store.retain(newest: checkpoint, best: state.best?.step, settings.checkpoint)
    }

    private func writeFiles(into directory: inout DurableDirectory) throws {
        try task.writeWeights(into: &directory)
        try FailPoint.io("checkpoint.after_weights", directory.temporaryPath)
        if stop.mode == .now { throw StopSignal.Stopped(mode: .now) }
        let store = task.parameters
        try directory.add(
            CheckpointFiles.optimizer,
            tensors: store.tensors(of: optimizer.firstMoment, prefix: CheckpointFiles.firstMoment)
                + store.tensors(of: optimizer.secondMoment, prefix: CheckpointFiles.secondMoment))
        try FailPoint.io("checkpoint.after_optimizer", directory.temporaryPath)
        let extra = task.stateTensors()
        if !extra.isEmpty { try directory.add(CheckpointFiles.task, tensors: extra) }
        let bytes = try JSONCoding.encode(state)
        try directory.add(CheckpointFiles.state) { try $0.write(bytes) }
    }
}
