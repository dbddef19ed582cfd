import Glibc

/// Token weights from raw attributions: normalized attribution mixed with a Gaussian prior (TI-DPO eq. 7-8).
///
/// The weights are constants of the loss: nothing is differentiated through them.
package struct TokenImportance: Sendable, Equatable {
    /// Which scale the mixed weights are brought to.
    package enum Scale: String, Sendable, CaseIterable {
        /// Mean weight 1, so that uniform importance is exactly DPO.
        case meanOne = "mean_one"
        /// Weights sum to 1: the margin becomes an average.
        case sumOne = "sum_one"
        /// The paper's formula taken literally: prior peaks at 1, has no floor on its width, nothing is rescaled.
        case paperLiteral = "paper_literal"
        /// Largest weight 1.
        case maxOne = "max_one"
    }

    /// The tokens over which weights are normalized and the prior is centred.
    package enum Span: String, Sendable, CaseIterable {
        /// The response, EOS included.
        case response
        /// Prompt and response, as in the authors' code; response weights then need not average 1.
        case full
    }

    /// λ in 0...1: share of the attribution against the prior. Values outside are clamped.
    package let gradientShare: Double
    /// Width of the prior is the span length over this.
    package let priorWidthDivisor: Double
    /// Smallest width of the prior, in tokens (not for the literal scale).
    package let priorWidthFloor: Double
    /// Which scale the weights are brought to.
    package let scale: Scale
    /// The tokens over which weights are computed.
    package let span: Span
    /// How a row of the embedding gradient becomes one number.
    package let norm: AttributionNorm

    /// The defaults are the paper's: λ 0.7, width n/4, mean weight 1 over the response, L1 norm.
    package init(
        gradientShare: Double = 0.7, priorWidthDivisor: Double = 4, priorWidthFloor: Double = 1,
        scale: Scale = .meanOne, span: Span = .response, norm: AttributionNorm = .l1
    ) {
        self.gradientShare = min(max(gradientShare, 0), 1)
        self.priorWidthDivisor = max(priorWidthDivisor, 1)
        self.priorWidthFloor = priorWidthFloor
        self.scale = scale
        self.span = span
        self.norm = norm
    }

    /// Weights of the response tokens from the raw importances of prompt and response.
    ///
    /// - Parameters:
    ///   - attribution: one raw importance per token of prompt + response, non-negative.
    ///   - promptCount: number of prompt tokens at its front.
    /// - Throws: `ImportanceError` if an importance is negative or not finite.
    package func responseWeights(
        attribution: [Double], promptCount: Int
    ) throws(ImportanceError) -> [Double] {
        switch span {
        case .response: try weights(Array(attribution.dropFirst(promptCount)))
        case .full: Array(try weights(attribution).dropFirst(promptCount))
        }
    }

    /// Weights over one span from its raw importances.
    ///
    /// A span of one token gets weight 1; when all importances are 0 the prior alone is used.
    /// - Throws: `ImportanceError` if an importance is negative or not finite.
    package func weights(_ attribution: [Double]) throws(ImportanceError) -> [Double] {
        if let index = attribution.firstIndex(where: { !($0 >= 0 && $0.isFinite) }) {
            throw ImportanceError(index: index, value: attribution[index])
        }
        guard attribution.count > 1 else { return attribution.map { _ in 1 } }
        return rescaled(mixed(attribution))
    }

    private func mixed(_ attribution: [Double]) -> [Double] {
        let prior = prior(count: attribution.count)
        let total = attribution.reduce(0, +)
        guard total > 0 else { return prior }
        return zip(attribution, prior).map { gradientShare * ($0 / total) + (1 - gradientShare) * $1 }
    }

    private func rescaled(_ weights: [Double]) -> [Double] {
        let factor =
            switch scale {
            case .meanOne: Double(weights.count) / weights.reduce(0, +)
            case .sumOne: 1 / weights.reduce(0, +)
            case .maxOne: 1 / (weights.max() ?? 1)
            case .paperLiteral: 1.0
            }
        return weights.map { $0 * factor }
    }

    /// The Gaussian prior over a span of `count` tokens, centred at its middle; sums to 1 unless taken literally.
    package func prior(count: Int) -> [Double] {
        let isLiteral = scale == .paperLiteral
        let width = Double(count) / priorWidthDivisor
        let sigma = isLiteral ? width : max(priorWidthFloor, width)
        let middle = Double(count - 1) / 2
        let bell = (0..<count).map { position in
            let z = (Double(position) - middle) / sigma
            return exp(-0.5 * z * z)
        }
        guard !isLiteral else { return bell }
        let total = bell.reduce(0, +)
        return bell.map { $0 / total }
    }
}

/// A raw importance that cannot be normalized.
package struct ImportanceError: Error, Equatable, CustomStringConvertible {
    /// Index of the token within its span.
    package let index: Int
    /// What was found.
    package let value: Double

    package var description: String {
        "token importance \(value) at token \(index): expected a finite number of at least 0; "
            + "the attribution pass probably met a non-finite activation"
    }
}
