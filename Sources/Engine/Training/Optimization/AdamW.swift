package import Compute
package import JobModel
package import Transformer

/// AdamW over the flat block of a parameter store, with decay on matrices only and clipping by the global norm.
package final class AdamW {
    /// Constants of the optimizer.
    package struct Settings: Sendable, Hashable {
        package var beta1 = 0.9
        package var beta2 = 0.999
        package var epsilon = 1e-8
        package var weightDecay = 0.0
        /// Largest global gradient norm; 0 switches clipping off.
        package var maximumGradientNorm = 0.0

        package init() {}

        package init(_ train: TrainSettings) {
            beta1 = train.beta1
            beta2 = train.beta2
            epsilon = train.epsilon
            weightDecay = train.weightDecay
            maximumGradientNorm = train.clip
        }
    }

    package let settings: Settings
    /// 1 × count, in the layout of the store.
    package let firstMoment: Matrix
    package let secondMoment: Matrix

    private let store: ParameterStore
    private let gradients: Matrix
    private let arena: Arena
    private let partials: UnsafeMutableBufferPointer<Double>

    /// Zero moments for the parameters of a store that has gradients.
    package init(_ store: ParameterStore, _ settings: Settings) throws {
        guard let gradients = store.gradients else { throw TrainingError.nothingToTrain }
        self.store = store
        self.gradients = gradients
        self.settings = settings
        arena = try Arena(byteCount: Self.byteCount(parameters: store.count))
        firstMoment = arena.matrix(1, store.count)
        secondMoment = arena.matrix(1, store.count)
        firstMoment.fill(0)
        secondMoment.fill(0)
        partials = .allocate(capacity: sumOfSquaresBlocks(store.count))
    }

    deinit { partials.deallocate() }

    /// Memory of the moments.
    package static func byteCount(parameters: Int) -> Int {
        2 * (parameters * MemoryLayout<Real>.stride + Arena.alignment)
    }

    /// Length of the whole gradient, before clipping.
    package func gradientNorm(_ context: Context) -> Double {
        sumOfSquares(gradients, partials: partials, context).squareRoot()
    }

    /// One update of all parameters.
    ///
    /// - Parameters:
    ///   - step: 1 for the first update.
    ///   - gradientNorm: what `gradientNorm` said; gradients are scaled by min(1, maximum / (norm + 1e-6)).
    package func update(step: Int, learningRate: Double, gradientNorm: Double, _ context: Context) {
        let scale = settings.maximumGradientNorm > 0 ? min(1, settings.maximumGradientNorm / (gradientNorm + 1e-6)) : 1
        let constants = AdamWStep(
            learningRate: learningRate, beta1: settings.beta1, beta2: settings.beta2, epsilon: settings.epsilon,
            weightDecay: settings.weightDecay, step: step, gradientScale: scale)
        let boundary = store.decayingRange.upperBound
        update(0..<boundary, decays: true, constants, context)
        update(boundary..<store.count, decays: false, constants, context)
    }

    private func update(_ range: Range<Int>, decays: Bool, _ constants: AdamWStep, _ context: Context) {
        guard !range.isEmpty else { return }
        adamW(
            parameters: store.values.columns(range), gradients: gradients.columns(range),
            firstMoment: firstMoment.columns(range), secondMoment: secondMoment.columns(range), decays: decays,
            constants, context)
    }
}
