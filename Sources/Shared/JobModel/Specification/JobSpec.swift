/// What a person asked for: one job, fully decoded, every default filled in.
///
/// The value never changes after admission; its canonical JSON (`canonicalJSON()`) is stored, hashed and handed to
/// the worker. Build one with `JobSpec.decode`.
package struct JobSpec: Sendable, Hashable {
    /// Version of the specification format; always 1 in this build.
    package var version = 1
    /// Safe as a file name and never mistaken for a job number: `[A-Za-z][A-Za-z0-9._-]{0,63}`.
    package var name = ""
    /// What the job computes.
    package var method = Method.dpo
    /// Dependencies as written; `dependencies` adds the ones that inputs imply.
    package var after: [Dependency] = []
    /// Larger first, -1000...1000.
    package var priority = 0
    /// Name of a configured queue.
    package var queue = "default"
    /// Admit the job held, to wait for a release.
    package var hold = false
    /// Earliest start.
    package var notBefore: Timestamp?
    /// Same user, same key, same content: the job there is already.
    package var idempotencyKey: String?
    /// Free pairs for people, at most 16.
    package var labels: [String: String] = [:]
    /// Free text for people.
    package var comment: String?
    /// Reservations.
    package var resources = ResourceRequest()
    /// Which failures are tried again, and how often.
    package var retry = RetryPolicy()
    /// When checkpoints are written and which are kept.
    package var checkpoint = CheckpointSettings()
    /// Whether a resume must stay bit-identical.
    package var determinism = Determinism.strict
    /// The model that is trained (or, for GMSA, compressed for).
    package var model: InputReference?
    /// Where reference log-probabilities come from; `none` for methods without a reference.
    package var reference = ReferencePolicy.none
    /// The published artifacts of a GMSA autoencoder job.
    package var compressor: InputReference?
    /// Training and evaluation rows.
    package var dataset = DatasetSettings()
    /// Low-rank adapters; nil trains all parameters.
    package var adapter: AdapterSettings?
    /// Settings of the method.
    package var objective = Objective.dpo(DPOObjective())
    /// Optimisation.
    package var train = TrainSettings()
    /// Evaluation during training.
    package var evaluate = EvaluateSettings()

    /// A specification with every field at its default, to be filled in by code (tests, generated jobs).
    package init(name: String, method: Method) {
        self.name = name
        self.method = method
        self.objective = method.defaultObjective
        self.train = method.defaultTrain
    }
}

/// Whether a resumed job may differ in its last bits from an uninterrupted one.
package enum Determinism: String, Sendable, Hashable, CaseIterable {
    /// Resume only under the numerics the checkpoint was made with.
    case strict
    /// Resume anywhere and note the difference.
    case relaxed
}

/// One `after:` entry.
package struct Dependency: Sendable, Hashable {
    /// Which job.
    package enum Target: Sendable, Hashable {
        /// The newest job of that name of the same user, or the first to come.
        case name(String)
        /// A job number.
        case number(Int64)
    }

    /// How the other job has to end.
    package enum Condition: String, Sendable, Hashable, CaseIterable, Codable {
        /// It must succeed.
        case ok
        /// It must end, however.
        case any
        /// It must fail.
        case failed
    }

    /// Which job is waited for.
    package var target: Target
    /// How it has to end.
    package var condition: Condition

    /// A dependency on `target` ending in `condition`.
    package init(_ target: Target, _ condition: Condition = .ok) {
        self.target = target
        self.condition = condition
    }
}
