internal import Compute

// Policy logits z with probabilities p, reference logits ζ with probabilities q, d = z − ζ and their normalisers λ, μ:
//   F = KL(q ‖ p) = Σ q (log q − log p) = λ − μ − Σ q d          ∂F/∂z = p − q
//   R = KL(p ‖ q) = Σ p (log p − log q) = Σ p d − λ + μ          ∂R/∂z = p (d − λ + μ − R)
//   log p(y)                                                     ∂/∂z  = onehot(y) − p
extension LanguageModelHead {
    /// Both divergences of a chunk whose logits and normalisers are known. `s.logits` is used up.
    func divergences(
        _ targets: HeadTargets, _ range: Range<Int>, _ scores: HeadScores, _ s: HeadScratch,
        _ reference: HeadReference, _ context: Context
    ) {
        let (policyNormalizer, referenceNormalizer) =
            (scores.logSumExp.rows(range), scores.referenceLogSumExp.rows(range))
        referenceLogits(reference, targets.rows, range, into: s.second, s, context)
        logSumExpRows(s.second, into: referenceNormalizer, context)
        if scores.request.contains(.reverseDivergence) {
            // p in its own chunk, so that z stays for the other divergence.
            let p = scores.request.contains(.divergence) ? s.third : s.logits
            let d = s.second
            if scores.request.contains(.divergence) { copy(s.logits, into: p, context) }
            let reverse = scores.reverseDivergence.rows(range)
            reverseDivergence(p: p, reference: d, policyNormalizer, into: reverse, context)
            for row in 0..<range.count {
                reverse[row, 0] -= policyNormalizer[row, 0] - referenceNormalizer[row, 0]
            }
            if !scores.request.contains(.divergence) { return }
            // `second` holds −d now; ζ = z − d comes back by adding z.
            accumulate(s.logits, into: s.second, context)
        }
        accumulate(s.second, into: s.logits, scale: -1, context)
        softmaxRows(s.second, logSumExp: referenceNormalizer, context)
        let forward = scores.divergence.rows(range)
        rowDots(s.second, s.logits, into: forward, context)
        for row in 0..<range.count {
            forward[row, 0] = policyNormalizer[row, 0] - referenceNormalizer[row, 0] - forward[row, 0]
        }
    }

    /// result = Σ p d. `p` comes as z and becomes probabilities, `reference` comes as ζ and becomes ζ − z = −d.
    private func reverseDivergence(
        p: Matrix, reference: Matrix, _ normalizer: Matrix, into result: Matrix, _ context: Context
    ) {
        accumulate(p, into: reference, scale: -1, context)
        softmaxRows(p, logSumExp: normalizer, context)
        rowDots(p, reference, into: result, context)
        for row in 0..<result.rows { result[row, 0] = -result[row, 0] }
    }

    /// Turns the chunk's logits into ∂L/∂z.
    func differentiateLogits(
        _ gradient: HeadGradient, _ targets: HeadTargets, _ range: Range<Int>, _ scores: HeadScores, _ s: HeadScratch,
        _ reference: HeadReference?, _ context: Context
    ) {
        let ofLogProbability = gradient.logProbabilities.rows(range)
        let ofDivergence = gradient.divergence?.rows(range)
        let ofReverse = gradient.reverseDivergence?.rows(range)
        if let reference, ofDivergence != nil || ofReverse != nil {
            referenceLogits(reference, targets.rows, range, into: s.second, s, context)
        }
        // p (f − g), and with a reverse divergence p (f − g + r (d − λ + μ − R))
        for row in 0..<range.count { s.scales[row, 0] = (ofDivergence?[row, 0] ?? 0) - ofLogProbability[row, 0] }
        if let ofReverse {
            differentiateReverse(ofReverse, range, scores, s, keepsReference: ofDivergence != nil, context)
        } else {
            softmaxRows(s.logits, logSumExp: scores.logSumExp.rows(range), scales: s.scales, context)
        }
        if let ofDivergence {
            // − f q
            for row in 0..<range.count { s.scales[row, 0] = -ofDivergence[row, 0] }
            softmaxRows(s.second, logSumExp: scores.referenceLogSumExp.rows(range), scales: s.scales, context)
            accumulate(s.second, into: s.logits, context)
        }
        // + g onehot
        for (row, index) in range.enumerated() {
            s.logits[row, Int(targets.ids[index])] += ofLogProbability[row, 0]
        }
    }

    /// logits ← p (scales + r (d − λ + μ − R)). The reference's logits survive in `second` when they are still needed.
    private func differentiateReverse(
        _ ofReverse: Matrix, _ range: Range<Int>, _ scores: HeadScores, _ s: HeadScratch, keepsReference: Bool,
        _ context: Context
    ) {
        let difference = keepsReference ? s.third : s.second
        if keepsReference { copy(s.second, into: difference, context) }
        let (policyNormalizer, referenceNormalizer, value) = (
            scores.logSumExp.rows(range), scores.referenceLogSumExp.rows(range), scores.reverseDivergence.rows(range)
        )
        // −d, so the slope is −r.
        accumulate(s.logits, into: difference, scale: -1, context)
        softmaxRows(s.logits, logSumExp: policyNormalizer, context)
        for row in 0..<range.count {
            let shift = referenceNormalizer[row, 0] - policyNormalizer[row, 0] - value[row, 0]
            s.offsets[row, 0] = s.scales[row, 0] + ofReverse[row, 0] * shift
            s.scales[row, 0] = -ofReverse[row, 0]
        }
        scaleByAffine(s.logits, of: difference, slopes: s.scales, offsets: s.offsets, context)
    }

    private func referenceLogits(
        _ reference: HeadReference, _ rows: [Int32], _ range: Range<Int>, into logits: Matrix, _ s: HeadScratch,
        _ context: Context
    ) {
        gather(reference.hidden, rows, range, into: s.referenceHidden, context)
        reference.head.logits(s.referenceHidden, into: logits, context)
    }
}
