internal import Tokenization

/// Which modules of a model adapter settings mean, by PEFT's rules.
struct AdapterModules {
    private let settings: AdapterSettings
    private let configuration: ModelConfiguration
    private let table: WeightTable
    private let file: String
    private let expression: NamePattern?
    private let exclusion: NamePattern?
    private let ranks: [(pattern: NamePattern, value: Int)]
    private let alphas: [(pattern: NamePattern, value: Double)]

    init(
        _ settings: AdapterSettings, for configuration: ModelConfiguration, file: String
    ) throws(ModelError) {
        self.settings = settings
        self.configuration = configuration
        self.file = file
        table = WeightTable.table(of: configuration.family)
        if case .expression(let text) = settings.targets {
            expression = try Self.pattern(text, "target_modules", file)
        } else {
            expression = nil
        }
        if case .expression(let text)? = settings.exclusions {
            exclusion = try Self.pattern(text, "exclude_modules", file)
        } else {
            exclusion = nil
        }
        ranks = try Self.patterns(settings.rankPattern, "rank_pattern", file)
        alphas = try Self.patterns(settings.alphaPattern, "alpha_pattern", file)
    }

    /// - Parameter isStrict: every name has to mean something. PEFT passes over names that do not, and a file whose
    ///   tensors all have a place has lost nothing by them.
    /// - Throws: `ModelError` when a target names no linear, or nothing is adapted.
    func parts(isStrict: Bool) throws(ModelError) -> AdapterParts {
        try checkOtherModules()
        if isStrict { try checkNames() }
        let bindings = linears.filter { isTarget($0.module, layer: $0.layer) }.map(binding)
        guard !bindings.isEmpty else {
            throw .incompatibleAdapter(file: file, reason: "no linear of the model is a target")
        }
        let saved = savedEntries
        for binding in bindings where saved.contains(where: { Self.module($0.name) == binding.prefixed }) {
            throw .incompatibleAdapter(
                file: file, reason: "\(binding.module) is both a target and a module to save; leave out one")
        }
        return AdapterParts(bindings: bindings, saved: saved)
    }

    // MARK: Targets

    private struct Linear {
        let layer: Int
        let role: LayerRole
        let module: String
        let shape: [Int]
    }

    private var linears: [Linear] {
        (0..<configuration.layerCount).flatMap { layer in
            table.layer.filter { LayerRole.linears.contains($0.role) }.map {
                Linear(
                    layer: layer, role: $0.role, module: Self.module(table.layerPrefix(layer) + $0.name),
                    shape: $0.shape(configuration))
            }
        }
    }

    private func isTarget(_ module: String, layer: Int) -> Bool {
        if settings.modulesToSave.contains(where: { Self.part($0, of: module) }) { return false }
        if isExcluded(module) { return false }
        let isChosenLayer = settings.layers.map { $0.contains(layer) } ?? true
        switch settings.targets {
        case .allLinear: return isChosenLayer
        case .named(let names):
            return names.contains(module) || isChosenLayer && names.contains { Self.names($0, module) }
        case .expression: return expression?.matches(module) ?? false
        }
    }

    /// By the rules of targets, but for layers.
    private func isExcluded(_ module: String) -> Bool {
        switch settings.exclusions {
        case nil: false
        case .allLinear: true
        case .named(let names): names.contains { Self.names($0, module) }
        case .expression: exclusion?.matches(module) ?? false
        }
    }

    /// The linears of the layers are all that an adapter can stand beside here.
    private func checkOtherModules() throws(ModelError) {
        for module in [table.head, table.embedding, table.finalNorm].map(Self.module) {
            let isMeant =
                switch settings.targets {
                case .allLinear: false
                case .named(let names): names.contains { Self.names($0, module) }
                case .expression: expression?.matches(module) ?? false
                }
            if isMeant, !isExcluded(module), !settings.modulesToSave.contains(where: { Self.part($0, of: module) }) {
                throw .unsupportedFeature(
                    file: file, key: "target_modules", found: "an adapter beside \(module)",
                    supported: "linears of the layers; \(module) can be trained whole, in modules_to_save")
            }
        }
    }

    private func checkNames() throws(ModelError) {
        let known = table.linearNames
        if case .named(let names) = settings.targets {
            let modules = linears.map(\.module)
            for name in names where !isExcluded(name) && !modules.contains(where: { Self.names(name, $0) }) {
                throw .unknownAdapterTarget(file: file, target: name, known: known)
            }
        }
        let modules = candidates.flatMap { Self.ancestors(of: $0.name) }
        for name in settings.modulesToSave where !modules.contains(where: { $0.hasSuffix(name) }) {
            let others = [table.embedding, table.finalNorm, table.head].compactMap { Self.lastPart(of: $0) }
            throw .unknownAdapterTarget(file: file, target: name, known: known + others)
        }
        for layer in settings.layers ?? [] where layer >= configuration.layerCount {
            throw .malformedField(
                file: file, key: "layers_to_transform", found: "\(layer)",
                expected: "layers from 0 to \(configuration.layerCount - 1)")
        }
    }

    private func binding(_ linear: Linear) -> AdapterBinding {
        let module = linear.module
        let rank = ranks.first { $0.pattern.matches(module) }?.value ?? settings.rank
        let alpha = alphas.first { $0.pattern.matches(module) }?.value ?? settings.alpha
        let divisor = settings.isRankStabilized ? Double(rank).squareRoot() : Double(rank)
        let prefix = Self.prefix + module
        return AdapterBinding(
            layer: linear.layer, linear: linear.role, module: module,
            down: WeightEntry(
                name: prefix + ".lora_A.weight", role: .adapterDown(linear.layer, linear.role), rows: rank,
                columns: linear.shape[1], isMatrix: true),
            up: WeightEntry(
                name: prefix + ".lora_B.weight", role: .adapterUp(linear.layer, linear.role), rows: linear.shape[0],
                columns: rank, isMatrix: true),
            scale: alpha / divisor)
    }

    // MARK: Modules to save

    /// Every tensor that a saved module can hold; a tied head gets one of its own when it is trained whole.
    private var candidates: [WeightEntry] {
        let entries = WeightTable.entries(of: configuration)
        return configuration.tiesEmbeddings ? entries + [WeightTable.headEntry(of: configuration)] : entries
    }

    private var savedEntries: [WeightEntry] {
        guard !settings.modulesToSave.isEmpty else { return [] }
        return candidates.filter { entry in
            Self.ancestors(of: entry.name).contains { module in settings.modulesToSave.contains(where: module.hasSuffix) }
        }.map {
            WeightEntry(
                name: Self.prefix + $0.name, role: $0.role, rows: $0.rows, columns: $0.columns, isMatrix: $0.isMatrix)
        }
    }

    // MARK: Names

    /// What PEFT puts before the names of a model's modules.
    private static let prefix = "base_model.model."

    /// The modules that hold a tensor: for "model.norm.weight" model and model.norm.
    private static func ancestors(of tensor: String) -> [String] {
        let parts = tensor.split(separator: ".").dropLast()
        return parts.indices.map { parts[...$0].joined(separator: ".") }
    }

    /// Whether `name` is the module or the end of its path.
    private static func names(_ name: String, _ module: String) -> Bool {
        module == name || module.hasSuffix("." + name)
    }

    /// Whether `name` is one or several parts of the module's path.
    private static func part(_ name: String, of module: String) -> Bool {
        ".\(module).".contains(".\(name).")
    }

    fileprivate static func module(_ tensor: String) -> String {
        tensor.split(separator: ".").dropLast().joined(separator: ".")
    }

    fileprivate static func lastPart(of tensor: String) -> String? {
        module(tensor).split(separator: ".").last.map(String.init)
    }

    private static func patterns<Value>(
        _ values: [String: Value], _ key: String, _ file: String
    ) throws(ModelError) -> [(pattern: NamePattern, value: Value)] {
        var patterns: [(pattern: NamePattern, value: Value)] = []
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            // A leading anchor leaves no room for what comes before an end.
            let text = name.hasPrefix("^") ? name : "(?:.*\\.)?(?:\(name))"
            patterns.append((try pattern(text, key, file, written: name), value))
        }
        return patterns
    }

    private static func pattern(
        _ text: String, _ key: String, _ file: String, written: String? = nil
    ) throws(ModelError) -> NamePattern {
        do throws(PatternError) {
            return try NamePattern(text)
        } catch {
            throw .unsupportedFeature(
                file: file, key: key, found: "\(error.found) in the expression \"\(written ?? text)\"",
                supported: error.expected)
        }
    }
}

extension AdapterBinding {
    /// The module's name in adapter files.
    fileprivate var prefixed: String { String(down.name.dropLast(".lora_A.weight".count)) }
}

extension WeightTable {
    /// Last parts of the names of the linears: "q_proj", …
    var linearNames: [String] {
        layer.filter { LayerRole.linears.contains($0.role) }.compactMap { AdapterModules.lastPart(of: $0.name) }
    }
}
