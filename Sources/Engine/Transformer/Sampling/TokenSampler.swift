package import Compute

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Musl
#endif

/// Chooses tokens from logits: temperature, then top-k, then top-p, in the order of Transformers.
package struct TokenSampler {
    /// What it was made with.
    package let settings: SamplingSettings
    private let random: RandomStream

    private struct Candidate {
        let token: Int32
        let logit: Double
    }

    /// A sampler has no state: draws are named by sequence and position.
    package init(_ settings: SamplingSettings) {
        self.settings = settings
        random = RandomStream(seed: settings.seed, stream: settings.stream)
    }

    /// The next token of a sequence that has written some: the repetition penalty changes `logits`, one row.
    func choose(_ logits: Matrix, after written: [Int32], sequence: Int, position: Int) -> Int32 {
        if settings.repetitionPenalty != 1 {
            let penalty = Real(settings.repetitionPenalty)
            for token in Set(written) {
                let logit = logits[0, Int(token)]
                logits[0, Int(token)] = logit > 0 ? logit / penalty : logit * penalty
            }
        }
        return choose(
            UnsafeBufferPointer(start: logits.base, count: logits.columns), sequence: sequence, position: position)
    }

    /// The next token of a sequence.
    ///
    /// - Parameters:
    ///   - sequence: number of the sequence in its batch, the same however the batch is composed.
    ///   - position: position of the token that is chosen.
    package func choose(_ logits: UnsafeBufferPointer<Real>, sequence: Int, position: Int) -> Int32 {
        guard settings.temperature > 0 else { return mostLikely(logits) }
        let kept = nucleus(candidates(logits))
        return draw(kept, uniform: random.uniform(UInt64(sequence) << 32 | UInt64(position)))
    }

    /// The largest logit; the lowest token on ties.
    private func mostLikely(_ logits: UnsafeBufferPointer<Real>) -> Int32 {
        var best = 0
        for token in logits.indices where logits[token] > logits[best] { best = token }
        return Int32(best)
    }

    /// The top k, most likely first, with logits divided by the temperature.
    private func candidates(_ logits: UnsafeBufferPointer<Real>) -> [Candidate] {
        let limit = min(settings.topK ?? logits.count, logits.count)
        // Transformers keeps every token that ties with the k-th.
        let threshold = limit < logits.count ? smallest(ofLargest: max(1, limit), logits) : -.infinity
        var kept: [Candidate] = []
        for token in logits.indices where logits[token] >= threshold {
            kept.append(Candidate(token: Int32(token), logit: Double(logits[token]) / settings.temperature))
        }
        return kept.sorted { ($1.logit, $0.token) < ($0.logit, $1.token) }
    }

    /// The k-th largest logit, kept in a small heap whose root is the smallest of the largest so far.
    private func smallest(ofLargest count: Int, _ logits: UnsafeBufferPointer<Real>) -> Real {
        var heap = Array(logits.prefix(count))
        for root in stride(from: count / 2 - 1, through: 0, by: -1) { sift(&heap, from: root) }
        for logit in logits.dropFirst(count) where logit > heap[0] {
            heap[0] = logit
            sift(&heap, from: 0)
        }
        return heap[0]
    }

    private func sift(_ heap: inout [Real], from root: Int) {
        var parent = root
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { return }
            if child + 1 < heap.count && heap[child + 1] < heap[child] { child += 1 }
            guard heap[child] < heap[parent] else { return }
            heap.swapAt(child, parent)
            parent = child
        }
    }

    /// The shortest prefix of the candidates whose probabilities reach top-p, with their unnormalised probabilities.
    private func nucleus(_ candidates: [Candidate]) -> [(token: Int32, weight: Double)] {
        let largest = candidates[0].logit
        let weighted = candidates.map { (token: $0.token, weight: exp($0.logit - largest)) }
        guard let topP = settings.topP, topP < 1 else { return weighted }
        let total = weighted.reduce(0) { $0 + $1.weight }
        var reached = 0.0
        var count = 0
        while count < weighted.count && (count == 0 || reached < topP * total) {
            reached += weighted[count].weight
            count += 1
        }
        return Array(weighted.prefix(count))
    }

    private func draw(_ candidates: [(token: Int32, weight: Double)], uniform: Double) -> Int32 {
        var left = uniform * candidates.reduce(0) { $0 + $1.weight }
        for candidate in candidates {
            left -= candidate.weight
            if left < 0 { return candidate.token }
        }
        return candidates[candidates.count - 1].token
    }
}
