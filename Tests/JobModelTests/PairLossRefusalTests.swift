import JobModel
import Testing

/// Keys of `method: dpo` that contradict its loss.
@Suite struct PairLossRefusalTests {
    private static let base = "name: d\nmethod: dpo\nmodel: m\ndataset: {train: x}\n"

    @Test(arguments: [
        ("objective: {loss: simpo}", "one of sigmoid, hinge, ipo, robust, sigmoid_norm, tdpo1, tdpo2"),
        ("objective: {loss_type: ipo}", "objective.loss_type: unknown key"),
        ("objective: {loss: hinge, label_smoothing: 0.1}", "only sigmoid and robust have one; loss is hinge"),
        ("objective: {loss: robust, label_smoothing: 0.5}", "objective.label_smoothing"),
        ("objective: {ipo_length_norm: false}", "only ipo reads it; loss is sigmoid"),
        ("objective: {loss: tdpo1, kl_alpha: 0.3}", "only tdpo2 reads it; loss is tdpo1"),
        ("objective: {loss: tdpo2}\nreference: cached", "compares whole distributions"),
    ])
    func refuses(_ lines: String, _ words: String) {
        let found = refusal(of: Self.base + lines)
        #expect(found.count == 1 && found.contains { $0.contains(words) }, "\(found)")
    }

    /// A loss that compares distributions runs its reference live where nothing else is said.
    @Test func referenceFollowsTheLoss() throws {
        for loss in DPOObjective.Loss.allCases {
            let spec = try JobSpec.decode(Array((Self.base + "objective: {loss: \(loss.rawValue)}").utf8))
            #expect(spec.reference == (loss.comparesDistributions ? .live : .cached))
            #expect(try JobSpec.decode(spec.canonicalJSON(), format: .json) == spec)
        }
    }
}
