/// Something a job reads, as the specification names it.
package enum InputReference: Sendable, Hashable {
    /// A name under a configured root (or, for `hone run`, a path), with an optional lower-case digest to insist on.
    case path(String, sha256: String?)
    /// A file or directory among the published artifacts of another job; `artifact` nil means all of them.
    case artifact(of: Dependency.Target, artifact: String?)
}

/// What an input is for. The raw value is the key of the specification that named it.
package enum InputRole: Sendable, Hashable {
    /// The model directory.
    case model
    /// A reference model of its own.
    case reference
    /// Artifacts of a GMSA autoencoder.
    case compressor
    /// A directory or file with a ready tokenizer, for `pretrain`.
    case tokenizer
    /// An adapter to start from.
    case adapterStart
    /// Training rows.
    case trainingData
    /// Evaluation rows.
    case evaluationData
    /// A chat template of the job's own.
    case chatTemplate
    /// One of several files or folders of training rows, counted from 0.
    case trainingPart(Int)
    /// One of several files or folders of evaluation rows, counted from 0.
    case evaluationPart(Int)

    /// Whether rows are read from it.
    package var isRows: Bool {
        switch self {
        case .trainingData, .evaluationData, .trainingPart, .evaluationPart: true
        case .model, .reference, .compressor, .tokenizer, .adapterStart, .chatTemplate: false
        }
    }
}

extension InputRole: RawRepresentable, Codable {
    /// The roles that keys of the specification have as a whole, in the order in which inputs are looked up.
    static let ofKeys: [InputRole] = [
        .model, .reference, .compressor, .tokenizer, .adapterStart, .trainingData, .evaluationData, .chatTemplate,
    ]

    package var rawValue: String {
        switch self {
        case .model: "model"
        case .reference: "reference"
        case .compressor: "compressor"
        case .tokenizer: "objective.tokenizer"
        case .adapterStart: "adapter.start"
        case .trainingData: "dataset.train"
        case .evaluationData: "dataset.eval"
        case .chatTemplate: "dataset.chat_template"
        case .trainingPart(let place): "dataset.train[\(place)]"
        case .evaluationPart(let place): "dataset.eval[\(place)]"
        }
    }

    package init?(rawValue: String) {
        if let known = Self.ofKeys.first(where: { $0.rawValue == rawValue }) {
            self = known
            return
        }
        guard let match = rawValue.wholeMatch(of: /dataset\.(train|eval)\[(0|[1-9][0-9]{0,8})\]/),
            let place = Int(match.2)
        else { return nil }
        self = match.1 == "train" ? .trainingPart(place) : .evaluationPart(place)
    }
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
    /// Every input the specification names: key by key, and the parts of a list one after the other.
    package var inputs: [(role: InputRole, reference: InputReference)] {
        InputRole.ofKeys.flatMap { role -> [(role: InputRole, reference: InputReference)] in
            switch role {
            case .trainingData: Self.rows(dataset.train, role, part: InputRole.trainingPart)
            case .evaluationData: Self.rows(dataset.eval, role, part: InputRole.evaluationPart)
            default: input(for: role).map { [(role, $0)] } ?? []
            }
        }
    }

    private static func rows(
        _ references: [InputReference]?, _ whole: InputRole, part: (Int) -> InputRole
    ) -> [(role: InputRole, reference: InputReference)] {
        guard let references, references.count != 1 else { return references.map { [(whole, $0[0])] } ?? [] }
        return references.enumerated().map { (part($0), $1) }
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
        case .chatTemplate: dataset.chatTemplate
        case .trainingData, .evaluationData, .trainingPart, .evaluationPart: nil
        }
    }
}
