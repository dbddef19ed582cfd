/// One key of a specification: the single place that says how it is read, written, explained and defaulted.
package struct KeyDescription: Sendable, Hashable, Codable {
    /// Dotted path.
    package var path: String
    /// What values it takes, as it stands after "expected".
    package var type: String
    /// The default as one would write it; nil when there is none.
    package var defaultValue: String?
    /// What it means.
    package var meaning: String
}

/// One row of a section's table.
struct Field<Root: Sendable>: Sendable {
    let key: String
    let isRequired: Bool
    let read: @Sendable (SpecNode, _ path: String, inout Root, inout SpecReader) -> Void
    let write: @Sendable (Root) -> CanonicalValue?
    let describe: @Sendable (_ path: String, _ defaults: Root) -> [KeyDescription]
}

extension Field {
    /// A value with a default. `then` runs after it was read and before the fields below it. A default that other keys
    /// decide is not described as one.
    static func value<Value>(
        _ key: String, _ place: any WritableKeyPath<Root, Value> & Sendable, _ grammar: ValueGrammar<Value>,
        _ meaning: String, isRequired: Bool = false, hasFixedDefault: Bool = true,
        then: (@Sendable (inout Root) -> Void)? = nil
    ) -> Field {
        Field(key: key, isRequired: isRequired) { node, path, root, reader in
            guard let value = grammar.parse(node, path, &reader) else { return }
            root[keyPath: place] = value
            then?(&root)
        } write: { root in
            grammar.write(root[keyPath: place])
        } describe: { path, defaults in
            let text = isRequired || !hasFixedDefault ? nil : grammar.write(defaults[keyPath: place]).inline
            return [KeyDescription(path: path, type: grammar.type, defaultValue: text, meaning: meaning)]
        }
    }

    /// A value that may be left out; then the field is nil (or what the root's defaults say).
    static func optional<Value>(
        _ key: String, _ place: any WritableKeyPath<Root, Value?> & Sendable, _ grammar: ValueGrammar<Value>,
        _ meaning: String, isRequired: Bool = false
    ) -> Field {
        Field(key: key, isRequired: isRequired) { node, path, root, reader in
            if let value = grammar.parse(node, path, &reader) { root[keyPath: place] = value }
        } write: { root in
            root[keyPath: place].map(grammar.write)
        } describe: { path, defaults in
            let text = defaults[keyPath: place].map { grammar.write($0).inline }
            return [KeyDescription(path: path, type: grammar.type, defaultValue: text, meaning: meaning)]
        }
    }

    /// A section of its own, whose defaults are what the root holds.
    static func section<Child>(
        _ key: String, _ place: any WritableKeyPath<Root, Child> & Sendable, _ section: Section<Child>
    ) -> Field {
        Field(key: key, isRequired: false) { node, path, root, reader in
            section.read(node, path, into: &root[keyPath: place], &reader)
        } write: { root in
            section.write(root[keyPath: place])
        } describe: { path, defaults in
            section.describe(path, defaults: defaults[keyPath: place])
        }
    }

    /// A section that may be absent; `start` gives its defaults when it is there.
    static func optionalSection<Child>(
        _ key: String, _ place: any WritableKeyPath<Root, Child?> & Sendable, _ section: Section<Child>,
        start: @escaping @Sendable () -> Child
    ) -> Field {
        Field(key: key, isRequired: false) { node, path, root, reader in
            var child = start()
            section.read(node, path, into: &child, &reader)
            root[keyPath: place] = child
        } write: { root in
            root[keyPath: place].map(section.write)
        } describe: { path, _ in
            section.describe(path, defaults: start())
        }
    }
}

/// A table of keys that fill one value.
struct Section<Root: Sendable>: Sendable {
    let fields: [Field<Root>]
    /// What to say about a key that is none of this section's and not close to one.
    let hint: @Sendable (String) -> String?

    init(_ fields: [Field<Root>], hint: @escaping @Sendable (String) -> String? = { _ in nil }) {
        self.fields = fields
        self.hint = hint
    }

    func read(_ node: SpecNode, _ path: String, into root: inout Root, _ reader: inout SpecReader) {
        guard case .mapping(let entries) = node.content else {
            reader.report(node, path, expected: "a mapping of keys to values")
            return
        }
        for field in fields {
            let fieldPath = Self.joined(path, field.key)
            if let entry = entries.first(where: { $0.key == field.key }) {
                reader.note(fieldPath, at: entry.value.mark)
                field.read(entry.value, fieldPath, &root, &reader)
            } else if field.isRequired {
                reader.report(node.mark, fieldPath, "missing")
            }
        }
        for entry in entries where !fields.contains(where: { $0.key == entry.key }) {
            reader.report(entry.mark, Self.joined(path, entry.key), "unknown key\(advice(for: entry.key))")
        }
    }

    func write(_ root: Root) -> CanonicalValue {
        var object: [String: CanonicalValue] = [:]
        for field in fields { object[field.key] = field.write(root) }
        return .object(object)
    }

    func describe(_ path: String, defaults: Root) -> [KeyDescription] {
        fields.flatMap { $0.describe(Self.joined(path, $0.key), defaults) }
    }

    private func advice(for key: String) -> String {
        if let special = hint(key) { return "; \(special)" }
        return NearestName.of(key, among: fields.map(\.key)).map { "; did you mean \($0)?" } ?? ""
    }

    private static func joined(_ path: String, _ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
}
