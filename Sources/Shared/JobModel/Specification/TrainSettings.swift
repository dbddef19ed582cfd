/// Optimisation. `epochs` or `steps` says how long; exactly one of them is set in a decoded specification.
package struct TrainSettings: Sendable, Hashable {
    /// Passes over the training rows.
    package var epochs: Int?
    /// Optimizer steps.
    package var steps: Int?
    /// Rows (pairs) that go through the model at a time.
    package var microbatch = 1
    /// Microbatches in one optimizer step.
    package var accumulation = 1
    /// Highest learning rate.
    package var learningRate = 1e-5
    /// How it changes after the warmup.
    package var schedule = Schedule.linear
    /// How long it rises from 0.
    package var warmup = Warmup.steps(0)
    /// AdamW decay, on matrices only.
    package var weightDecay = 0.0
    /// AdamW first-moment decay.
    package var beta1 = 0.9
    /// AdamW second-moment decay.
    package var beta2 = 0.999
    /// AdamW denominator offset.
    package var epsilon = 1e-8
    /// Largest global gradient norm; 0 switches clipping off.
    package var clip = 1.0
    /// Key of every random number of the job.
    package var seed: Int64 = 0
    /// Number type of the products of matrices.
    package var precision = Precision.fp32
    /// Recompute the activations of a block in the backward pass instead of keeping them.
    package var recompute = false
    /// Let chosen and rejected share one prompt (exact).
    package var prefixSharing = true
    /// Optimizer steps between two lines of metrics.
    package var logEvery = 1

    /// The defaults.
    package init() {}
}

/// How the learning rate changes after the warmup.
package enum Schedule: String, Sendable, Hashable, CaseIterable {
    case constant
    /// Down to 0 in a straight line.
    case linear
    /// Down to 0 along half a cosine.
    case cosine
}

/// Number type in which matrices are multiplied. Weights, gradients, optimizer state, norms, attention weights and losses
/// are float32 in either case.
package enum Precision: String, Sendable, Hashable, CaseIterable {
    case fp32
    /// Both sides of a product rounded to bfloat16, sums in float32; fp32 where the processor cannot.
    case bf16
}

/// Length of the warmup.
package enum Warmup: Sendable, Hashable {
    /// Optimizer steps.
    case steps(Int)
    /// A share of all steps, 0 ..< 1.
    case fraction(Double)

    /// Warmup steps of a run of `total` optimizer steps (a share is rounded up, as transformers does).
    package func steps(of total: Int) -> Int {
        switch self {
        case .steps(let count): count
        case .fraction(let share): Int((share * Double(total)).rounded(.up))
        }
    }
}

/// Evaluation during training; the end of the training is always evaluated when there is an eval file.
package struct EvaluateSettings: Sendable, Hashable {
    /// Optimizer steps between two evaluations.
    package var everySteps: Int?
    /// Epochs between two evaluations.
    package var everyEpochs: Int?
    /// Use only the first rows of the eval file.
    package var limit: Int?

    /// The defaults.
    package init() {}
}
