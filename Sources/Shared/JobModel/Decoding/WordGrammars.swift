extension ValueGrammar where Value == String {
    /// Free text of at most `limit` characters, without control characters except line breaks and tabs.
    static func text(limit: Int) -> ValueGrammar {
        ValueGrammar("a text of at most \(limit) printable characters") { text, _ in
            let isPrintable = text.unicodeScalars.allSatisfy {
                $0.properties.generalCategory != .control || $0 == "\n" || $0 == "\t"
            }
            return !text.isEmpty && text.count <= limit && isPrintable ? text : nil
        } write: {
            .text($0)
        }
    }

    /// A name that is safe as a file name and never mistaken for a number.
    static var name: ValueGrammar {
        ValueGrammar("a name: a letter, then at most 63 letters, digits, \".\", \"_\" or \"-\"") { text, _ in
            JobSpec.isName(text) ? text : nil
        } write: {
            .text($0)
        }
    }

    /// Name of a metric, such as `eval_rewards/accuracies`.
    static var metric: ValueGrammar {
        ValueGrammar("the name of an evaluation metric such as eval_loss") { text, _ in
            text.wholeMatch(of: #/eval_[A-Za-z0-9_./-]{1,100}/#) != nil ? text : nil
        } write: {
            .text($0)
        }
    }

    /// Lower-case hex digits of a SHA-256.
    static var digest: ValueGrammar {
        ValueGrammar("64 hexadecimal digits") { text, _ in
            text.wholeMatch(of: /[0-9a-fA-F]{64}/) != nil ? text.lowercased() : nil
        } write: {
            .text($0)
        }
    }
}

extension JobSpec {
    /// Whether a text may be the name of a job.
    package static func isName(_ text: String) -> Bool {
        text.wholeMatch(of: /[A-Za-z][A-Za-z0-9._-]{0,63}/) != nil
    }
}

extension ValueGrammar where Value: RawRepresentable<String> & CaseIterable {
    /// One of the words of an enumeration.
    static var word: ValueGrammar {
        let words = Value.allCases.map(\.rawValue)
        return word(among: words)
    }

    /// One of some words of an enumeration.
    static func word(among words: [String]) -> ValueGrammar {
        let type = words.count == 1 ? words.joined() : "one of \(words.joined(separator: ", "))"
        return ValueGrammar(type: type) { node, path, reader in
            guard case .scalar(let text, _) = node.content else {
                reader.report(node, path, expected: type)
                return nil
            }
            if words.contains(text), let value = Value(rawValue: text) { return value }
            let advice = NearestName.of(text, among: words).map { "; did you mean \($0)?" } ?? ""
            reader.report(node.mark, path, "expected \(type), found \(node.found)\(advice)")
            return nil
        } write: {
            .text($0.rawValue)
        }
    }
}

extension ValueGrammar {
    /// A list of at least `minimum` values, none of them twice.
    static func list<Element: Hashable & Sendable>(
        of element: ValueGrammar<Element>, atLeast minimum: Int = 0
    ) -> ValueGrammar where Value == [Element] {
        let type = "a list of \(minimum == 0 ? "" : "at least \(minimum) ")values, each \(element.type)"
        return ValueGrammar(type: type) { node, path, reader in
            guard case .sequence(let nodes) = node.content, nodes.count >= minimum else {
                reader.report(node, path, expected: type)
                return nil
            }
            var values: [Element] = []
            for node in nodes {
                guard let value = element.parse(node, path, &reader) else { continue }
                if values.contains(value) {
                    reader.report(node.mark, path, "\(element.write(value).inline) stands in the list twice")
                } else {
                    values.append(value)
                }
            }
            return values
        } write: {
            .list($0.map(element.write))
        }
    }
}

extension ValueGrammar where Value == [String: String] {
    /// At most `limit` pairs of short texts.
    static func pairs(limit: Int) -> ValueGrammar {
        let text = ValueGrammar<String>.text(limit: 128)
        let type = "at most \(limit) pairs of texts"
        return ValueGrammar(type: type) { node, path, reader in
            guard case .mapping(let entries) = node.content, entries.count <= limit else {
                reader.report(node, path, expected: type)
                return nil
            }
            var pairs: [String: String] = [:]
            for entry in entries {
                guard entry.key.wholeMatch(of: #/[A-Za-z0-9._/-]{1,64}/#) != nil else {
                    reader.report(
                        entry.mark, path, "a label is at most 64 letters, digits, \".\", \"_\", \"/\" or \"-\"")
                    continue
                }
                pairs[entry.key] = text.parse(entry.value, "\(path).\(entry.key)", &reader)
            }
            return pairs
        } write: {
            .object($0.mapValues { .text($0) })
        }
    }
}
