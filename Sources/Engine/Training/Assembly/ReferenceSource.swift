import Alignment
import Compute
import DurableFiles
import JobModel
import Transformer

/// Which reference a specification asks for, and whether its scores can be kept.
struct ReferenceSource {
    private let spec: JobSpec
    private let inputs: JobInputs
    private let policy: PolicyModel
    private let plan: PreferencePlan
    private let team: ThreadTeam

    init(_ spec: JobSpec, _ inputs: JobInputs, policy: PolicyModel, plan: PreferencePlan, team: ThreadTeam) {
        self.spec = spec
        self.inputs = inputs
        self.policy = policy
        self.plan = plan
        self.team = team
    }

    private enum Kind {
        case adaptersOff, base, frozenStart
        case other(String)
    }

    /// A fresh adapter starts as its base, so the base is the starting model too; a continued one is not. Where whole
    /// modules are trained the base is a model of its own, whose other weights are the same mapped pages.
    private func kind() throws -> Kind {
        let isContinued = spec.adapter?.start != nil
        let base: Kind = policy.isBaseWithoutAdapters ? .adaptersOff : .base
        switch spec.reference {
        case .none: throw TrainingError.specification("reference: none, and method \(spec.method.rawValue) needs one")
        case .input: return .other(try inputs.required(.reference))
        case .adapterOff:
            guard policy.hasAdapters else {
                throw TrainingError.specification("reference: adapter_off without an adapter; use cached or live")
            }
            return base
        case .cached, .live, .initialAdapter:
            return policy.hasAdapters && !isContinued ? base : .frozenStart
        }
    }

    func model() throws -> ReferenceModel {
        switch try kind() {
        case .adaptersOff:
            return ReferenceModel(policy.model, adapters: .off, isStart: spec.adapter?.start == nil)
        case .base:
            return ReferenceModel(
                try LanguageModel(folder: inputs.required(.model), team: team), isStart: spec.adapter?.start == nil)
        case .frozenStart:
            let adapters: AdapterPlan =
                spec.adapter?.start == nil
                ? .none : .loaded(try AdapterFolder(inputs.required(.adapterStart)), trained: false)
            return ReferenceModel(
                try LanguageModel(folder: inputs.required(.model), adapters: adapters, team: team), isStart: true)
        case .other(let path):
            let model = try LanguageModel(folder: path, team: team)
            guard model.configuration.vocabularySize == policy.model.configuration.vocabularySize else {
                throw TrainingError.specification(
                    "reference: \(path) has a vocabulary of \(model.configuration.vocabularySize), expected "
                        + "\(policy.model.configuration.vocabularySize) as the model")
            }
            return ReferenceModel(model, isStart: false)
        }
    }

    /// A distribution cannot be kept, only the log-probabilities of given tokens.
    var isCached: Bool { spec.reference != .live && !plan.objective.needsDivergence }

    /// Digest of the reference's weights, for the key of kept scores.
    func digest(_ interruption: () throws -> Void) throws -> String {
        let parts =
            switch try kind() {
            case .adaptersOff, .base: [try inputs.required(.model)]
            case .frozenStart: [try inputs.required(.model)] + (inputs[.adapterStart].map { [$0] } ?? [])
            case .other(let path): [path]
            }
        return SHA256.hex(of: try parts.map { try ModelFolder($0).digest(interruption) }.joined(separator: " "))
    }

    /// Pairs that are scored at a time.
    var batch: Int { ReferenceScores.batch(spec.train) }

    /// What changes the last bits of scores.
    var arithmetic: String {
        let shared = spec.train.prefixSharing ? "shared prompts" : "separate prompts"
        return "\(team.arithmetic), \(shared), batches of \(batch), "
            + "\(ThreadTeam.multiplyKernelName), \(ThreadTeam.rowKernelLevel), \(team.threads) threads"
    }

    var description: String {
        let model =
            switch try? kind() {
            case .adaptersOff: "the base model (the model with its adapter off)"
            case .base: "the base model, frozen beside the trained one"
            case .frozenStart:
                spec.adapter?.start == nil
                    ? "a frozen copy of the starting model" : "the base model with the initial adapter, frozen"
            case .other(let path): path
            case nil: "none"
            }
        return model + (isCached ? ", scores kept per token" : ", run with every step")
    }
}
