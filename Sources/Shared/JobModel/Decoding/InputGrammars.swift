extension ValueGrammar where Value == InputReference {
    /// A name, or `{path, sha256}`, or `{job, artifact}`.
    static var input: ValueGrammar {
        let type = "a name, {path: NAME, sha256: HEX} or {job: NAME, artifact: NAME}"
        return ValueGrammar(type: type) { node, path, reader in
            switch node.content {
            case .scalar where node.found != "nothing":
                return InputName.parse(node, path, &reader).map { .path($0, sha256: nil) }
            case .mapping(let entries) where entries.contains { $0.key == "path" }:
                var parts = PathParts()
                PathParts.section.read(node, path, into: &parts, &reader)
                return parts.path.isEmpty ? nil : .path(parts.path, sha256: parts.sha256)
            case .mapping(let entries) where entries.contains { $0.key == "job" }:
                var parts = ArtifactParts()
                ArtifactParts.section.read(node, path, into: &parts, &reader)
                return parts.job.map { .artifact(of: $0, artifact: parts.artifact) }
            default:
                reader.report(node, path, expected: type)
                return nil
            }
        } write: { reference in
            switch reference {
            case .path(let path, sha256: nil): .text(path)
            case .path(let path, let sha256): PathParts.section.write(PathParts(path: path, sha256: sha256))
            case .artifact(let job, let artifact):
                ArtifactParts.section.write(ArtifactParts(job: job, artifact: artifact))
            }
        }
    }
}

extension ValueGrammar where Value == [InputReference] {
    /// Where rows come from: one input, or a list of them.
    static var rows: ValueGrammar {
        let one = ValueGrammar<InputReference>.input
        let several = ValueGrammar.list(of: one, atLeast: 1)
        return ValueGrammar(type: "\(one.type), or a list of these") { node, path, reader in
            if case .sequence = node.content { return several.parse(node, path, &reader) }
            return one.parse(node, path, &reader).map { [$0] }
        } write: { references in
            references.count == 1 ? one.write(references[0]) : several.write(references)
        }
    }
}

private struct PathParts: Sendable {
    var path = ""
    var sha256: String?

    static let section = Section<PathParts>([
        .value("path", \.path, InputName.grammar, "name under a configured root", isRequired: true),
        .optional("sha256", \.sha256, .digest, "digest the content must have"),
    ])
}

private struct ArtifactParts: Sendable {
    var job: Dependency.Target?
    var artifact: String?

    static let section = Section<ArtifactParts>([
        .optional("job", \.job, .target, "the job that publishes it", isRequired: true),
        .optional("artifact", \.artifact, InputName.artifactGrammar, "one file or folder of its artifacts"),
    ])
}

/// Names of things that are read.
enum InputName {
    static let grammar = ValueGrammar<String>(type: "a name", parse: { parse($0, $1, &$2) }, write: { .text($0) })

    /// An artifact is always a relative name, also for `hone run`.
    static let artifactGrammar = ValueGrammar<String>(
        "a relative name without \"..\"", read: { text, _ in fault(of: text, rule: .underRoots) == nil ? text : nil },
        write: { .text($0) })

    static func parse(_ node: SpecNode, _ path: String, _ reader: inout SpecReader) -> String? {
        guard case .scalar(let text, _) = node.content, node.found != "nothing" else {
            reader.report(node, path, expected: "a name")
            return nil
        }
        if let fault = fault(of: text, rule: reader.pathRule) {
            reader.report(node.mark, path, "\(node.found) \(fault)")
            return nil
        }
        return text
    }

    private static func fault(of text: String, rule: InputPathRule) -> String? {
        if text.isEmpty { return "is empty" }
        if text.utf8.count > 4096 { return "is longer than 4096 bytes" }
        if text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
            return "has control characters"
        }
        guard rule == .underRoots else { return nil }
        if text.hasPrefix("/") { return "is an absolute path; write a name under a configured root" }
        if text.hasPrefix("~") {
            return "starts with \"~\", which is not expanded; write a name under a configured root"
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        if parts.contains("..") { return "leads out of its root with \"..\"" }
        if parts.contains(".") || parts.contains("") { return "has an empty part or \".\"" }
        return nil
    }
}

extension ValueGrammar where Value == Dependency.Target {
    /// The name or the number of a job.
    static var target: ValueGrammar {
        ValueGrammar("the name or the number of a job") { text, isPlain in
            if JobSpec.isName(text) { return .name(text) }
            guard isPlain, text.wholeMatch(of: /[1-9][0-9]{0,17}/) != nil, let number = Int64(text) else { return nil }
            return .number(number)
        } write: { target in
            switch target {
            case .name(let name): .text(name)
            case .number(let number): .integer(number)
            }
        }
    }
}

extension ValueGrammar where Value == [Dependency] {
    /// One dependency or a list of them.
    static var dependencies: ValueGrammar {
        let one = ValueGrammar<Dependency>.dependency
        let several = ValueGrammar.list(of: one)
        return ValueGrammar(type: "\(one.type), or a list of these") { node, path, reader in
            if case .sequence = node.content { return several.parse(node, path, &reader) }
            return one.parse(node, path, &reader).map { [$0] }
        } write: {
            several.write($0)
        }
    }
}

extension ValueGrammar where Value == Dependency {
    static var dependency: ValueGrammar {
        let type = "the name or the number of a job, or {job: NAME, when: ok, any or failed}"
        return ValueGrammar(type: type) { node, path, reader in
            switch node.content {
            case .scalar:
                return ValueGrammar<Dependency.Target>.target.parse(node, path, &reader).map { Dependency($0) }
            case .mapping:
                var parts = DependencyParts()
                DependencyParts.section.read(node, path, into: &parts, &reader)
                return parts.job.map { Dependency($0, parts.when) }
            case .sequence:
                reader.report(node, path, expected: type)
                return nil
            }
        } write: {
            DependencyParts.section.write(DependencyParts(job: $0.target, when: $0.condition))
        }
    }
}

private struct DependencyParts: Sendable {
    var job: Dependency.Target?
    var when = Dependency.Condition.ok

    static let section = Section<DependencyParts>([
        .optional("job", \.job, .target, "the job that is waited for", isRequired: true),
        .value("when", \.when, .word, "how it has to end"),
    ])
}

extension ValueGrammar where Value == ReferencePolicy {
    /// One of the ways to score a reference, or the name of another model.
    static var reference: ValueGrammar {
        let input = ValueGrammar<InputReference>.input
        let type = "\(ReferencePolicy.words.map(\.word).joined(separator: ", ")), or another model: \(input.type)"
        return ValueGrammar(type: type) { node, path, reader in
            if case .scalar(let text, _) = node.content,
                let known = ReferencePolicy.words.first(where: { $0.word == text })
            {
                return known.policy
            }
            return input.parse(node, path, &reader).map { .input($0) }
        } write: { policy in
            switch policy {
            case .input(let reference): input.write(reference)
            default: .text(policy.word)
            }
        }
    }
}

extension ReferencePolicy {
    /// The policies that are words.
    fileprivate static let words: [(word: String, policy: ReferencePolicy)] =
        [.none, .cached, .live, .adapterOff, .initialAdapter].map { (word: $0.word, policy: $0) }

    /// What specifications write; `input` for another model.
    package var word: String {
        switch self {
        case .none: "none"
        case .cached: "cached"
        case .live: "live"
        case .adapterOff: "adapter_off"
        case .initialAdapter: "initial_adapter"
        case .input: "input"
        }
    }
}
