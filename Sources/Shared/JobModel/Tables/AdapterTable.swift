extension SpecificationTable {
    static let adapter = Section<AdapterSettings>([
        .value("rank", \.rank, .integer(1...65_536), "rank of the two factors"),
        .value("alpha", \.alpha, .number(.positive), "the product is scaled by alpha / rank"),
        .value("dropout", \.dropout, .number(.belowOne), "dropout on the adapter's input"),
        .value("targets", \.targets, .adapterTargets, "which linears get one"),
        .optional("layers", \.layers, .list(of: .integer(0...4095), atLeast: 1), "only the linears of these layers"),
        .value("rslora", \.rslora, .flag, "scale by alpha / sqrt(rank) instead"),
        .value(
            "rank_pattern", \.rankPattern, .pattern(of: .integer(1...65_536)),
            "other ranks, by a regular expression for the end of a linear's name"),
        .value(
            "alpha_pattern", \.alphaPattern, .pattern(of: .number(.positive)),
            "other alphas, by a regular expression for the end of a linear's name"),
        .value(
            "modules_to_save", \.modulesToSave, .list(of: .module),
            "modules trained whole and saved beside the adapters: lm_head, embed_tokens, norm, ..."),
        .value("merge", \.merge, .flag, "also publish the model with the adapter merged in"),
        .optional(
            "start", \.start, .input, "an adapter to start from, which brings all settings above except merge along"),
    ])

    /// Keys of what a starting adapter decides, where the settings say something else than the defaults.
    static func adapterShape(differingIn settings: AdapterSettings) -> [String] {
        adapter.fields.filter { field in
            !["merge", "start"].contains(field.key) && field.write(settings) != field.write(AdapterSettings())
        }.map(\.key)
    }
}

extension ValueGrammar where Value == AdapterTargets {
    static var adapterTargets: ValueGrammar {
        let list = ValueGrammar<[AdapterTarget]>.list(of: .word, atLeast: 1)
        let type = "all, \(list.type), or a regular expression for whole names such as .*\\.(q|v)_proj"
        return ValueGrammar(type: type) { node, path, reader in
            switch node.content {
            case .scalar("all", _): return .all
            case .scalar(let text, _) where text.contains(where: { ".*+?[](|\\".contains($0) }) && text.utf8.count <= 1024:
                return .expression(text)
            case .sequence:
                // In the order of a block, so that the order of the list never reaches numbers or files.
                return list.parse(node, path, &reader).map { named in
                    let targets = AdapterTarget.allCases.filter(named.contains)
                    return targets == AdapterTarget.allCases ? .all : .named(targets)
                }
            case .scalar, .mapping:
                reader.report(node, path, expected: type)
                return nil
            }
        } write: { targets in
            switch targets {
            case .all: .text("all")
            case .named(let names): list.write(names)
            case .expression(let text): .text(text)
            }
        }
    }
}

extension ValueGrammar {
    /// Values by expressions over names.
    static func pattern<Element: Sendable>(of element: ValueGrammar<Element>) -> ValueGrammar
    where Value == [String: Element] {
        let type = "a mapping of expressions to values, each \(element.type)"
        return ValueGrammar(type: type) { node, path, reader in
            guard case .mapping(let entries) = node.content, entries.count <= 65_536 else {
                reader.report(node, path, expected: type)
                return nil
            }
            var pattern: [String: Element] = [:]
            for entry in entries {
                guard !entry.key.isEmpty, entry.key.utf8.count <= 1024 else {
                    reader.report(entry.mark, path, "expected an expression of 1 to 1024 bytes, found \"\(entry.key)\"")
                    continue
                }
                pattern[entry.key] = element.parse(entry.value, "\(path).\(entry.key)", &reader)
            }
            return pattern
        } write: {
            .object($0.mapValues(element.write))
        }
    }
}

extension ValueGrammar where Value == String {
    /// The name of a module, or the end of one.
    static var module: ValueGrammar {
        ValueGrammar("a module's name: letters, digits, \"_\" and \".\"") { text, _ in
            text.wholeMatch(of: #/[A-Za-z_][A-Za-z0-9_.]{0,127}/#) != nil ? text : nil
        } write: {
            .text($0)
        }
    }
}
