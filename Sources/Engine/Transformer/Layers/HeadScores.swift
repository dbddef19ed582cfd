package import Compute

/// Which tokens to score: `ids[i]` is predicted by row `rows[i]` of the hidden states. A row may occur several times:
/// the last row of a shared prompt predicts the first token of every branch.
package struct HeadTargets: Sendable {
    /// Rows of the hidden states.
    package let rows: [Int32]
    /// The token that each row predicts.
    package let ids: [Int32]

    /// Both lists must be equally long.
    package init(rows: [Int32], ids: [Int32]) {
        precondition(rows.count == ids.count, "one target for every row")
        self.rows = rows
        self.ids = ids
    }

    /// Number of targets.
    package var count: Int { rows.count }
}

/// What the head is asked for beside log-probabilities.
package struct HeadRequest: OptionSet, BitwiseCopyable, Sendable {
    /// The options as bits.
    package let rawValue: Int
    /// Options from bits.
    package init(rawValue: Int) { self.rawValue = rawValue }

    /// Entropy, mean and largest logit: for metrics.
    package static let statistics = HeadRequest(rawValue: 1)
    /// KL(reference ‖ policy) at each row: F_t of TDPO.
    package static let divergence = HeadRequest(rawValue: 2)
    /// KL(policy ‖ reference) at each row.
    package static let reverseDivergence = HeadRequest(rawValue: 4)
}

/// What the head says about each target; columns of `count` rows in the arena.
package struct HeadScores: BitwiseCopyable {
    /// What was asked for.
    package let request: HeadRequest
    /// log p of each target.
    package let logProbabilities: Matrix
    /// log Σ exp of the logits, kept for the adjoint.
    package let logSumExp: Matrix
    /// KL(reference ‖ policy); no rows unless asked for.
    package let divergence: Matrix
    /// KL(policy ‖ reference); no rows unless asked for.
    package let reverseDivergence: Matrix
    /// log Σ exp of the reference's logits; no rows without a divergence.
    let referenceLogSumExp: Matrix
    /// Entropy of the predicted distribution in nats; no rows unless asked for.
    package let entropy: Matrix
    /// Mean logit over the vocabulary; no rows unless asked for.
    package let meanLogit: Matrix
    /// The largest logit and its token, the lowest on ties; none unless asked for.
    package let maxima: HeadMaxima

    /// Lays out the columns that `request` needs.
    package init(count: Int, _ request: HeadRequest, in arena: Arena) {
        func column(_ wanted: Bool) -> Matrix { arena.matrix(wanted ? count : 0, 1) }
        self.request = request
        logProbabilities = column(true)
        logSumExp = column(true)
        divergence = column(request.contains(.divergence))
        reverseDivergence = column(request.contains(.reverseDivergence))
        referenceLogSumExp = column(request.comparesToReference)
        entropy = column(request.contains(.statistics))
        meanLogit = column(request.contains(.statistics))
        maxima = HeadMaxima(count: request.contains(.statistics) ? count : 0, in: arena)
    }

    /// Those of the first targets, of log-probabilities alone.
    package func first(_ count: Int) -> HeadScores {
        precondition(request.isEmpty, "statistics and divergences belong to all targets")
        return HeadScores(
            request: request, logProbabilities: logProbabilities.rows(0..<count), logSumExp: logSumExp.rows(0..<count),
            divergence: divergence, reverseDivergence: reverseDivergence, referenceLogSumExp: referenceLogSumExp,
            entropy: entropy, meanLogit: meanLogit, maxima: maxima)
    }

    private init(
        request: HeadRequest, logProbabilities: Matrix, logSumExp: Matrix, divergence: Matrix,
        reverseDivergence: Matrix, referenceLogSumExp: Matrix, entropy: Matrix, meanLogit: Matrix, maxima: HeadMaxima
    ) {
        (self.request, self.logProbabilities, self.logSumExp) = (request, logProbabilities, logSumExp)
        (self.divergence, self.reverseDivergence) = (divergence, reverseDivergence)
        (self.referenceLogSumExp, self.entropy, self.meanLogit) = (referenceLogSumExp, entropy, meanLogit)
        self.maxima = maxima
    }
}

extension HeadRequest {
    var comparesToReference: Bool { !isDisjoint(with: [.divergence, .reverseDivergence]) }
}

/// The largest logit of some rows.
package struct HeadMaxima: BitwiseCopyable {
    /// count × 1.
    package let values: Matrix
    /// The token of each largest logit.
    package let tokens: UnsafeMutableBufferPointer<Int32>

    /// Room for `count` rows.
    package init(count: Int, in arena: Arena) {
        values = arena.matrix(count, 1)
        tokens = arena.integers(count)
    }

    func rows(_ range: Range<Int>) -> HeadMaxima {
        HeadMaxima(values: values.rows(range), tokens: UnsafeMutableBufferPointer(rebasing: tokens[range]))
    }

    private init(values: Matrix, tokens: UnsafeMutableBufferPointer<Int32>) {
        self.values = values
        self.tokens = tokens
    }
}

/// Derivatives of a loss with respect to what the head said, one per target.
package struct HeadGradient {
    /// ∂L/∂log p, count × 1.
    package let logProbabilities: Matrix
    /// ∂L/∂KL(reference ‖ policy), count × 1, where the loss has it.
    package let divergence: Matrix?
    /// ∂L/∂KL(policy ‖ reference), count × 1, where the loss has it.
    package let reverseDivergence: Matrix?

    /// Leave out what the loss does not have.
    package init(logProbabilities: Matrix, divergence: Matrix? = nil, reverseDivergence: Matrix? = nil) {
        self.logProbabilities = logProbabilities
        self.divergence = divergence
        self.reverseDivergence = reverseDivergence
    }
}

/// The model that divergences compare with: its head, and its hidden states for the same rows.
package struct HeadReference {
    /// Its vocabulary must be the policy's.
    package let head: LanguageModelHead
    /// After its final norm; rows as the policy's.
    package let hidden: Matrix

    /// A reference that has already run on the same layout.
    package init(head: LanguageModelHead, hidden: Matrix) {
        self.head = head
        self.hidden = hidden
    }
}

/// Working memory of the head: one chunk of logits (two or three for divergences and statistics) and of hidden rows.
package struct HeadScratch: BitwiseCopyable {
    let hidden, hiddenGradient: Matrix
    /// Hidden rows of the reference; none without a divergence.
    let referenceHidden: Matrix
    let logits: Matrix
    /// The reference's logits, or the policy's differences from them; no rows unless needed.
    let second: Matrix
    /// Needed only when both divergences are asked for.
    let third: Matrix
    /// Factors on single rows.
    let scales, offsets: Matrix

    func rows(_ count: Int) -> HeadScratch {
        func part(_ matrix: Matrix) -> Matrix { matrix.rows(0..<min(count, matrix.rows)) }
        return HeadScratch(
            hidden: part(hidden), hiddenGradient: part(hiddenGradient), referenceHidden: part(referenceHidden),
            logits: part(logits), second: part(second), third: part(third), scales: part(scales),
            offsets: part(offsets))
    }
}
