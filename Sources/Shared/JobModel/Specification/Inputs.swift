/// Something a job reads, as the specification names it.
package enum InputReference: Sendable, Hashable {
    /// A name under a configured root (or, for `hone run`, a path), with an optional lower-case digest to insist on.
    case path(String, sha256: String?)
    /// A file or directory among the published artifacts of another job; `artifact` nil means all of them.
    case artifact(of: Dependency.Target, artifact: String?)
}

/// What an input is for. The raw value is the key of the specification that named it.
package enum InputRole: String, Sendable, Hashable, CaseIterable, Codable {
    /// The model directory.
    case model
    /// A reference model of its own.
    case reference
    /// Artifacts of a GMSA autoencoder.
    case compressor
    /// A directory or file with a ready tokenizer, for `pretrain`.
    case tokenizer = "objective.tokenizer"
    /// An adapter to start from.
    case adapterStart = "adapter.start"
    /// Training rows.
    case trainingData = "dataset.train"
    /// Evaluation rows.
    case evaluationData = "dataset.eval"
    /// A chat template of the job's own.
    case chatTemplate = "dataset.chat_template"
}

/// Where reference log-probabilities come from.
package enum ReferencePolicy: Sendable, Hashable {
    /// The method needs none.
    case none
    /// Scored once with the starting model and cached per token.
    case cached
    /// A frozen copy of the starting model runs beside the policy.
    case live
    /// The policy with its adapter switched off.
    case adapterOff
    /// The policy with the adapter it started from.
    case initialAdapter
    /// Another model, frozen.
    case input(InputReference)

    /// Whether the whole next-token distribution of the reference is at hand, as token-level KL terms need it.
    package var givesDistribution: Bool {
        switch self {
        case .live, .adapterOff, .initialAdapter, .input: true
        case .none, .cached: false
        }
    }
}

/// The identity of one file that a job reads, taken when the job was admitted.
package struct InputPin: Sendable, Hashable, Codable {
    /// What the file is for.
    package var role: InputRole
    /// Absolute path.
    package var path: String
    /// Device number.
    package var device: Int64
    /// Inode number.
    package var inode: Int64
    /// Size in bytes.
    package var size: Int64
    /// Modification time, nanoseconds since 1970.
    package var modifiedNanoseconds: Int64
    /// Lower-case hex digest of the content; nil until hashed.
    package var sha256: String?

    /// An identity as `stat` reports it.
    package init(
        role: InputRole, path: String, device: Int64, inode: Int64, size: Int64, modifiedNanoseconds: Int64,
        sha256: String? = nil
    ) {
        self.role = role
        self.path = path
        self.device = device
        self.inode = inode
        self.size = size
        self.modifiedNanoseconds = modifiedNanoseconds
        self.sha256 = sha256
    }
}

extension JobSpec {
    /// Every input the specification names, in the order of `InputRole.allCases`.
    package var inputs: [(role: InputRole, reference: InputReference)] {
        InputRole.allCases.compactMap { role in input(for: role).map { (role, $0) } }
    }

    /// The dependencies as written, followed by those that `{job: …}` inputs imply and that are not there already.
    package var dependencies: [Dependency] {
        var all = after
        for (_, reference) in inputs {
            guard case .artifact(let target, _) = reference else { continue }
            if !all.contains(where: { $0.target == target }) { all.append(Dependency(target)) }
        }
        return all
    }

    private func input(for role: InputRole) -> InputReference? {
        switch role {
        case .model: model
        case .reference: if case .input(let reference) = reference { reference } else { nil }
        case .compressor: compressor
        case .tokenizer: objective.tokenizerInput
        case .adapterStart: adapter?.start
        case .trainingData: dataset.train
        case .evaluationData: dataset.eval
        case .chatTemplate: dataset.chatTemplate
        }
    }
}
