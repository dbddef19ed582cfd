package import JobModel

/// What the loop takes from a specification.
package struct TrainerSettings: Sendable, Hashable {
    package var train: TrainSettings
    package var evaluate: EvaluateSettings
    package var checkpoint: CheckpointSettings
    package var determinism: Determinism

    package init(
        train: TrainSettings, evaluate: EvaluateSettings = EvaluateSettings(),
        checkpoint: CheckpointSettings = CheckpointSettings(), determinism: Determinism = .strict
    ) {
        self.train = train
        self.evaluate = evaluate
        self.checkpoint = checkpoint
        self.determinism = determinism
    }

    package init(_ spec: JobSpec) {
        self.init(
            train: spec.train, evaluate: spec.evaluate, checkpoint: spec.checkpoint, determinism: spec.determinism)
    }
}
