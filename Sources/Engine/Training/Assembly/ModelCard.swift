package import JobModel

/// README.md of published artifacts: what they are and what they were made with. Nothing in it depends on the clock.
package struct ModelCard {
    package let spec: JobSpec
    package let state: TrainingState

    package init(_ spec: JobSpec, _ state: TrainingState) {
        self.spec = spec
        self.state = state
    }

    package var text: String {
        var lines = [
            "---", "library_name: transformers", "tags: [hone, \(spec.method.rawValue)]", "---", "",
            "# \(spec.name)", "",
            "Made by hone with method `\(spec.method.rawValue)`: \(state.step) optimizer steps, \(state.tokens) tokens.",
            "",
        ]
        if spec.adapter != nil {
            lines += ["This is a LoRA adapter in PEFT's format; load it onto its base model.", ""]
        }
        lines += table("Evaluation", state.evaluationMetrics, before: state.initialMetrics)
        lines += ["## Settings", "", "| setting | value |", "|---|---|"]
        lines += settings.map { "| \($0.0) | \($0.1) |" }
        return lines.joined(separator: "\n") + "\n"
    }

    private var settings: [(String, String)] {
        let train = spec.train
        return [
            ("learning rate", "\(train.learningRate), \(train.schedule.rawValue)"),
            ("rows per step", "\(train.microbatch * train.accumulation)"),
            (
                "AdamW",
                "beta1 \(train.beta1), beta2 \(train.beta2), epsilon \(train.epsilon), decay \(train.weightDecay)"
            ),
            ("gradient clipping", "\(train.clip)"), ("seed", "\(train.seed)"),
        ]
    }

    private func table(_ title: String, _ metrics: [String: Double], before: [String: Double]) -> [String] {
        guard !metrics.isEmpty else { return [] }
        let rows = metrics.sorted { $0.key < $1.key }.map { name, value in
            "| \(name) | \(before[name].map { "\($0)" } ?? "") | \(value) |"
        }
        return ["## \(title)", "", "| metric | before | after |", "|---|---|---|"] + rows + [""]
    }
}
