internal import Compute
internal import DurableFiles
package import JSON
package import Safetensors

extension AdapterSettings {
    /// Reads adapter_config.json of PEFT.
    ///
    /// - Throws: `ModelError` naming the key for a wrong type and for anything that would be computed differently.
    package init(_ root: JSONValue, file: String) throws(ModelError) {
        let fields = try JSONFields(root, file: file)
        try Self.checkFeatures(fields)
        let targets = try Self.targets(fields)
        self.init(
            rank: try fields.count("r", limit: 1 << 16) ?? 8, alpha: try fields.positive("lora_alpha") ?? 8,
            dropout: try Self.dropout(fields), targets: targets, exclusions: try Self.exclusions(fields),
            layers: try Self.layers(fields, targets), isRankStabilized: try fields.bool("use_rslora") ?? false,
            modulesToSave: try Self.modulesToSave(fields))
        for (name, value) in try Self.pattern("rank_pattern", fields) {
            guard case .integer(let rank) = value, (1...1 << 16).contains(rank) else {
                throw fields.malformed("rank_pattern.\(name)", value, "a whole number between 1 and \(1 << 16)")
            }
            rankPattern[name] = rank
        }
        for (name, value) in try Self.pattern("alpha_pattern", fields) {
            switch value {
            case .integer(let alpha) where alpha > 0: alphaPattern[name] = Double(alpha)
            case .number(let alpha) where alpha > 0: alphaPattern[name] = alpha
            default: throw fields.malformed("alpha_pattern.\(name)", value, "a number above 0")
            }
        }
    }

    /// `exclude_modules`: names or an expression, as in `target_modules`.
    private static func exclusions(_ fields: JSONFields) throws(ModelError) -> Targets? {
        switch fields.value("exclude_modules") {
        case nil, .null, .array([]), .string(""): return nil
        case .string(let expression): return .expression(expression)
        default: return .named(try fields.strings("exclude_modules") ?? [])
        }
    }

    /// adapter_config.json for these settings.
    ///
    /// - Parameter base: what the adapter was trained on: a folder or a model's name.
    package func encoded(base: String) -> JSONValue {
        func encoded(_ targets: Targets) -> JSONValue {
            switch targets {
            // Spelled out, as PEFT does: the names are the same in every family's files.
            case .allLinear: Self.encoded(WeightTable.llamaNames.linearNames.sorted())
            case .named(let names): Self.encoded(names.sorted())
            case .expression(let expression): .string(expression)
            }
        }
        var keys: JSONObject = [
            "peft_type": .string("LORA"), "task_type": .string("CAUSAL_LM"),
            "base_model_name_or_path": .string(base), "r": .integer(rank), "lora_alpha": Self.encoded(alpha),
            "lora_dropout": .number(dropout), "bias": .string("none"), "fan_in_fan_out": .bool(false),
            "inference_mode": .bool(true), "init_lora_weights": .bool(true),
            "modules_to_save": modulesToSave.isEmpty ? .null : Self.encoded(modulesToSave),
            "layers_pattern": .null,
            "layers_to_transform": layers.map { .array($0.map { .integer($0) }) } ?? .null,
            "rank_pattern": .object(JSONObject(rankPattern.mapValues { .integer($0) })),
            "alpha_pattern": .object(JSONObject(alphaPattern.mapValues { Self.encoded($0) })),
            "use_rslora": .bool(isRankStabilized), "use_dora": .bool(false), "revision": .null,
            "target_modules": encoded(targets),
        ]
        // Releases of PEFT before the key refuse a file that has it.
        if let exclusions { keys["exclude_modules"] = encoded(exclusions) }
        return .object(keys)
    }

    private static func encoded(_ names: [String]) -> JSONValue { .array(names.map { .string($0) }) }

    private static func encoded(_ alpha: Double) -> JSONValue {
        Int(exactly: alpha).map { .integer($0) } ?? .number(alpha)
    }

    private static func dropout(_ fields: JSONFields) throws(ModelError) -> Double {
        let rate = try fields.number("lora_dropout") ?? 0
        guard (0..<1).contains(rate) else {
            throw .malformedField(
                file: fields.file, key: "lora_dropout", found: "\(rate)", expected: "a number from 0 to below 1")
        }
        return rate
    }

    private static func targets(_ fields: JSONFields) throws(ModelError) -> Targets {
        switch fields.value("target_modules") {
        case .string("all-linear"): return .allLinear
        case .string(let expression): return .expression(expression)
        case nil:
            throw .malformedField(
                file: fields.file, key: "target_modules", found: "nothing",
                expected: "\"all-linear\", a list of names or a regular expression")
        default: return .named(try fields.strings("target_modules") ?? [])
        }
    }

    /// `layers_to_transform`: one layer or a list of them.
    private static func layers(_ fields: JSONFields, _ targets: Targets) throws(ModelError) -> [Int]? {
        let key = "layers_to_transform"
        let items: [JSONValue]
        switch fields.value(key) {
        case nil, .array([]): return nil
        case .array(let list): items = list
        case let single?: items = [single]
        }
        if case .expression = targets {
            throw .unsupportedFeature(
                file: fields.file, key: key, found: "a choice of layers beside an expression in target_modules",
                supported: "an expression that names the layers")
        }
        var layers: [Int] = []
        for item in items {
            guard case .integer(let layer) = item, layer >= 0 else {
                throw fields.malformed(key, item, "a layer from 0 on, or a list of them")
            }
            layers.append(layer)
        }
        return layers
    }

    private static func modulesToSave(_ fields: JSONFields) throws(ModelError) -> [String] {
        let names = try fields.strings("modules_to_save") ?? []
        for name in names where name.isEmpty || name.contains(where: { "^$*+?[](){}|\\".contains($0) }) {
            throw .unsupportedFeature(
                file: fields.file, key: "modules_to_save", found: "the expression \"\(name)\"",
                supported: "names of modules")
        }
        return names
    }

    private static func pattern(
        _ key: String, _ fields: JSONFields
    ) throws(ModelError) -> [(name: String, value: JSONValue)] {
        guard let object = try fields.object(key) else { return [] }
        return object.values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Keys that are read above, or that change nothing of what a trained adapter computes.
    private static let knownKeys: Set<String> = [
        "peft_type", "r", "lora_alpha", "lora_dropout", "target_modules", "use_rslora", "rank_pattern", "alpha_pattern",
        "exclude_modules", "layers_to_transform", "layers_pattern", "modules_to_save", "bias", "init_lora_weights",
        "task_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision", "inference_mode",
        "megatron_core", "loftq_config", "eva_config", "corda_config", "lora_ga_config", "qalora_group_size", "runtime_config",
    ]

    /// Refuses what changes the computation and is not implemented, by name; also what is not known here at all.
    private static func checkFeatures(_ fields: JSONFields) throws(ModelError) {
        let type = try fields.string("peft_type") ?? "LORA"
        guard type.uppercased() == "LORA" else {
            throw .unsupportedFeature(file: fields.file, key: "peft_type", found: type, supported: "LORA")
        }
        let bias = try fields.string("bias") ?? "none"
        guard bias == "none" else {
            throw .unsupportedFeature(file: fields.file, key: "bias", found: bias, supported: "none")
        }
        switch fields.value("layers_pattern") {
        case nil, .string(""), .string("layers"), .array([]), .array([.string("layers")]): break
        case let other?:
            throw .unsupportedFeature(
                file: fields.file, key: "layers_pattern", found: other.kind, supported: "null or \"layers\"")
        }
        let off: [JSONValue] = [.null, .bool(false), .array([]), .object([:])]
        for (key, value) in fields.values.sorted(by: { $0.key < $1.key })
        where !knownKeys.contains(key) && !off.contains(value) {
            throw .unsupportedFeature(
                file: fields.file, key: key, found: value.kind, supported: "leaving it out, null, false or empty")
        }
        if case .string(let method)? = fields.value("init_lora_weights"),
            !["gaussian", "eva", "orthogonal"].contains(method)
        {
            throw .unsupportedFeature(
                file: fields.file, key: "init_lora_weights", found: "\(method), which changes the base weights",
                supported: "true, false, gaussian, orthogonal, eva")
        }
    }
}

/// An adapter folder of PEFT: adapter_config.json and adapter_model.safetensors.
package struct AdapterFolder {
    /// The folder.
    package let path: String
    /// What adapter_config.json says.
    package let settings: AdapterSettings
    /// Its tensors.
    package let weights: WeightFiles

    /// Opens a folder and checks its settings. Its tensors are checked when a model takes them.
    package init(_ path: String) throws {
        self.path = path
        let file = path + "/adapter_config.json"
        settings = try AdapterSettings(
            JSONValue.read(file, hint: "an adapter folder holds adapter_config.json and adapter_model.safetensors"),
            file: file)
        let tensors = path + "/adapter_model.safetensors"
        if fileKind(tensors) == .missing, let pickle = pickleName(among: try directoryNames(path)) {
            // Refused, with the way to convert it.
            _ = try SafetensorsFile(path + "/" + pickle)
        }
        weights = try WeightFiles(file: tensors)
    }

    /// Everything that keeps the tensors from being an adapter of a model: settings that do not fit it, missing and
    /// unused tensors, wrong shapes; empty when the model would take them.
    package func findings(for configuration: ModelConfiguration) -> [ModelError] {
        do throws(ModelError) {
            let parts = try AdapterPlan.loaded(self, trained: false).parts(for: configuration)
            return findings(parts.entries)
        } catch {
            return [error]
        }
    }

    /// Copies the tensors to their windows, strictly: nothing missing, nothing unused, every shape as expected.
    func load(_ entries: [WeightEntry], into store: ParameterStore) throws {
        if let first = findings(entries).first { throw first }
        for entry in entries {
            if let parameter = store[entry.name] { try weights.tensor(entry.name).copy(to: parameter.value.base) }
        }
    }

    private func findings(_ entries: [WeightEntry]) -> [ModelError] {
        let expected = Set(entries.map(\.name))
        let missing = entries.map(\.name).filter { !weights.contains($0) }
        let unused = weights.names.filter { !expected.contains($0) }
        let misshapen = entries.compactMap { entry -> ModelError? in
            guard let tensor = weights.files.lazy.compactMap({ $0.tensor(entry.name) }).first,
                tensor.shape != entry.shape
            else { return nil }
            return .wrongShape(file: weights.path, tensor: entry.name, found: tensor.shape, expected: entry.shape)
        }
        return (missing.isEmpty ? [] : [.missingTensors(file: weights.path, names: missing)])
            + (unused.isEmpty ? [] : [.unusedTensors(file: weights.path, names: unused)]) + misshapen
    }
}
