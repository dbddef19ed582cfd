/// How the objective section of one method is read and written.
struct ObjectiveGrammar: Sendable {
    let keys: [String]
    let read: @Sendable (SpecNode, _ path: String, _ start: Objective, inout SpecReader) -> Objective?
    let write: @Sendable (Objective) -> CanonicalValue?
    let describe: @Sendable (_ path: String, _ defaults: Objective) -> [KeyDescription]

    init<Settings: Sendable>(
        _ section: Section<Settings>, wrap: @escaping @Sendable (Settings) -> Objective,
        unwrap: @escaping @Sendable (Objective) -> Settings?
    ) {
        keys = section.fields.map(\.key)
        read = { node, path, start, reader in
            guard var settings = unwrap(start) else { return nil }
            section.read(node, path, into: &settings, &reader)
            return wrap(settings)
        }
        write = { unwrap($0).map(section.write) }
        describe = { path, defaults in unwrap(defaults).map { section.describe(path, defaults: $0) } ?? [] }
    }
}

/// The registry of methods: one entry each, and nothing else lists them.
enum MethodTable {
    struct Entry: Sendable {
        let method: Method
        let summary: String
        /// Whether this build can run it.
        let isImplemented: Bool
        let grammar: ObjectiveGrammar
    }

    static let entries: [Entry] = Method.allCases.map(entry(for:))

    static func entry(for method: Method) -> Entry {
        switch method {
        case .pretrain:
            Entry(
                method: method, summary: "train a language model on plain text, from random weights or from a model",
                isImplemented: true,
                grammar: ObjectiveGrammar(ObjectiveTables.pretrain) {
                    .pretrain($0)
                } unwrap: {
                    if case .pretrain(let settings) = $0 { settings } else { nil }
                })
        case .sft:
            Entry(
                method: method, summary: "supervised fine-tuning on prompt and response", isImplemented: true,
                grammar: ObjectiveGrammar(ObjectiveTables.sft) {
                    .sft($0)
                } unwrap: {
                    if case .sft(let settings) = $0 { settings } else { nil }
                })
        case .dpo:
            Entry(
                method: method, summary: "direct preference optimisation on prompt, chosen, rejected",
                isImplemented: true,
                grammar: ObjectiveGrammar(ObjectiveTables.dpo) {
                    .dpo($0)
                } unwrap: {
                    if case .dpo(let settings) = $0 { settings } else { nil }
                })
        case .tiDPO:
            Entry(
                method: method, summary: "token-importance guided DPO with a triplet term (arXiv 2505.19653)",
                isImplemented: true,
                grammar: ObjectiveGrammar(ObjectiveTables.tiDPO) {
                    .tiDPO($0)
                } unwrap: {
                    if case .tiDPO(let settings) = $0 { settings } else { nil }
                })
        case .gmsaAutoencoder:
            Entry(
                method: method, summary: "GMSA stage 1: compress a context into soft tokens that restate it",
                isImplemented: true,
                grammar: ObjectiveGrammar(GMSATables.autoencoder) {
                    .gmsaAutoencoder($0)
                } unwrap: {
                    if case .gmsaAutoencoder(let settings) = $0 { settings } else { nil }
                })
        case .gmsaFinetune:
            Entry(
                method: method, summary: "GMSA stage 2: teach the decoder to answer from soft tokens",
                isImplemented: true,
                grammar: ObjectiveGrammar(GMSATables.finetune) {
                    .gmsaFinetune($0)
                } unwrap: {
                    if case .gmsaFinetune(let settings) = $0 { settings } else { nil }
                })
        }
    }

    /// The methods whose objective has this key, for hints.
    static func methods(withObjectiveKey key: String) -> [Method] {
        entries.filter { $0.grammar.keys.contains(key) }.map(\.method)
    }

    /// What to say about an objective key that `method` does not have.
    static func hint(for key: String, of method: Method) -> String? {
        let others = methods(withObjectiveKey: key).filter { $0 != method }
        if !others.isEmpty {
            let owners = others.map(\.rawValue).joined(separator: ", ")
            return "method \(method.rawValue) does not have it (it belongs to \(owners))"
        }
        if SpecificationTable.train.fields.contains(where: { $0.key == key }) { return "did you mean train.\(key)?" }
        return nil
    }
}

/// What `hone methods` says about a method.
package struct MethodDescription: Sendable, Hashable, Codable {
    /// The word in a specification.
    package var method: Method
    /// One line.
    package var summary: String
    /// Whether this build can run it; a specification for another method is understood and refused at admission.
    package var isImplemented: Bool
    /// Keys of its `objective` section.
    package var objectiveKeys: [KeyDescription]

    /// All methods, in the order of the registry.
    package static let all: [MethodDescription] = MethodTable.entries.map { entry in
        MethodDescription(
            method: entry.method, summary: entry.summary, isImplemented: entry.isImplemented,
            objectiveKeys: entry.grammar.describe("objective", entry.method.defaultObjective))
    }
}

extension Method {
    /// Whether this build can run it.
    package var isImplemented: Bool { MethodTable.entry(for: self).isImplemented }

    /// Every key of a specification of this method, with its default.
    package var specificationKeys: [KeyDescription] {
        SpecificationTable.top.describe("", defaults: JobSpec(name: "", method: self))
    }
}
