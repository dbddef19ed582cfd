import Compute
import JobModel
import Transformer

/// The matrix products of a run, counted from the shape of the model and the mean row.
struct RunWork {
    private let configuration: ModelConfiguration
    private let spec: JobSpec
    private let row: AverageRow
    private let rowCount: Int
    /// Elements of the matrices of the layers, which every token meets.
    private let layers: Double
    /// Passes over the layers for each token of a step, in units of a forward pass.
    private let passes: Double
    /// Forward passes over every row, once, before the first step.
    private let passesBefore: Double

    init(_ spec: JobSpec, _ task: any TrainingTask & MemoryPlanning, _ row: AverageRow) {
        self.spec = spec
        self.row = row
        rowCount = task.rowCount
        let model = task.models[0]
        configuration = model.configuration
        layers = model.weights.entries.reduce(0.0) { sum, entry in
            if case .layer = entry.role, entry.isMatrix { sum + Double(entry.count) } else { sum }
        }
        // Forward; backward for the inputs; backward for the weights, which adapters have next to none of.
        var passes = spec.adapter == nil ? 3.0 : 2.0
        if spec.train.recompute { passes += 1 }
        if case .tiDPO = spec.objective { passes += 1 }
        if spec.reference.givesDistribution { passes += 1 }
        self.passes = passes
        passesBefore = spec.reference == .cached ? 1 : 0
    }

    /// Multiplications and additions of one forward pass over one row.
    private var forward: Double {
        let attention = Double(2 * configuration.layerCount * configuration.queryWidth) * row.seen
        let head = Double(configuration.vocabularySize * configuration.hiddenSize)
        return 2 * (row.tokens * (layers + attention) + row.targets * head)
    }

    /// The run's time at the machine's present speed.
    func time(_ plan: MemoryPlan, _ team: ThreadTeam) throws -> TimeEstimate {
        let rate = try matrixRate(team)
        let perStep = forward * passes * Double(spec.train.rowsPerStep)
        let before = forward * passesBefore * Double(rowCount)
        return TimeEstimate(
            seconds: (perStep * Double(plan.steps ?? 0) + before) / rate,
            tokensPerStep: row.tokens * Double(spec.train.rowsPerStep), operationsPerStep: perStep,
            operationsPerSecond: rate, threads: team.threads,
            how: "the matrix products of \(plan.steps ?? 0) steps (\(passes) passes over \(spec.train.rowsPerStep) "
                + "rows of \(Int(row.tokens.rounded())) tokens on average"
                + (before > 0 ? ", and one pass for the reference" : "")
                + ") at the speed of such products measured just now; everything else comes on top")
    }

    /// Operations a second of the model's largest kind of product, over a quarter of a second.
    private func matrixRate(_ team: ThreadTeam) throws -> Double {
        let rows = max(1, min(512, Int(row.tokens) * spec.train.microbatch))
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
