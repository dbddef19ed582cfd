import Compute
import JobModel
import Transformer

/// The matrix products of a run, counted from the shapes of its models and its mean row.
struct RunWork {
    private let configuration: ModelConfiguration
    private let spec: JobSpec
    /// Tokens of the mean row.
    private let tokens: Double
    /// Multiplications and additions of the mean row in a step.
    private let operations: Double
    /// Of everything that is computed before the first step or while rows are new.
    private let operationsBefore: Double
    /// What was counted, in words.
    private let counted, countedBefore: String

    /// - Returns: nil for a task that does not know its rows before it runs.
    init?(_ spec: JobSpec, _ task: any TrainingTask & MemoryPlanning) throws {
        self.spec = spec
        configuration = task.models[0].configuration
        if let work = try task.compressionWork {
            tokens = work.tokens
            operations = work.operations
            operationsBefore = work.operationsBefore
            (counted, countedBefore) = (work.counted, work.countedBefore)
        } else if let row = try task.averageRow {
            let (cost, passes) = (LayerCost(task.models[0]), Self.passes(spec))
            let forward = cost.forward(tokens: row.tokens, seen: row.seen, layers: cost.layers)
                + cost.head(targets: row.targets)
            tokens = row.tokens
            operations = forward * passes
            operationsBefore = spec.reference == .cached ? forward * Double(task.rowCount) : 0
            (counted, countedBefore) = ("\(passes) passes over", "one pass for the reference")
        } else {
            return nil
        }
    }

    /// Passes over the layers for each token of a step, in units of a forward pass: forward; backward for the inputs;
    /// backward for the weights, which adapters have next to none of.
    private static func passes(_ spec: JobSpec) -> Double {
        var passes = spec.adapter == nil ? 3.0 : 2.0
        if spec.train.recompute { passes += 1 }
        if case .tiDPO = spec.objective { passes += 1 }
        if spec.reference.givesDistribution { passes += 1 }
        return passes
    }

    /// The run's time at the machine's present speed.
    func time(_ plan: MemoryPlan, _ team: ThreadTeam) throws -> TimeEstimate {
        let rate = try matrixRate(team)
        let perStep = operations * Double(spec.train.rowsPerStep)
        return TimeEstimate(
            seconds: (perStep * Double(plan.steps ?? 0) + operationsBefore) / rate,
            tokensPerStep: tokens * Double(spec.train.rowsPerStep), operationsPerStep: perStep,
            operationsPerSecond: rate, threads: team.threads,
            how: "the matrix products of \(plan.steps ?? 0) steps (\(counted) \(spec.train.rowsPerStep) "
                + "rows of \(Int(tokens.rounded())) tokens on average"
                + (operationsBefore > 0 ? ", and \(countedBefore)" : "")
                + ") at the speed of such products measured just now; everything else comes on top")
    }

    /// Operations a second of the model's largest kind of product, over a quarter of a second.
    private func matrixRate(_ team: ThreadTeam) throws -> Double {
        let rows = max(1, min(512, Int(tokens) * spec.train.microbatch))
        let (inner, columns) = (configuration.hiddenSize, configuration.intermediateSize)
        let elements = rows * inner + inner * columns + rows * columns + 1024
        let arena = try Arena(byteCount: elements * MemoryLayout<Real>.stride)
        let (a, b, c) = (arena.matrix(rows, inner), arena.matrix(columns, inner), arena.matrix(rows, columns))
        a.fill(0.5)
        b.fill(0.5)
        multiply(a.n, b.t, into: c, team: team)
        let start = ContinuousClock.now
        var count = 0.0
        while ContinuousClock.now - start < .milliseconds(250) {
            multiply(a.n, b.t, into: c, team: team)
            count += 1
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        return 2 * count * Double(rows) * Double(inner) * Double(columns) / seconds
    }
}
