import Compute
import Datasets
import DurableFiles
import Safetensors
import Tokenization
import Transformer

extension Inspector {
    /// A folder of Hugging Face: configuration, weights, tokenizer, and whether they belong together.
    func checkpoint(_ inspection: inout Inspection) {
        let configuration = inspection.attempt { try ModelConfiguration(folder: path) }
        let files = inspection.attempt { try WeightFiles(folder: path) }
        if let configuration { describe(configuration, &inspection) }
        if let files {
            describe(files.files, &inspection)
            notePickles(&inspection)
        }
        if let configuration, let files { match(files, configuration, &inspection) }
        let tokenizer = modelTokenizer(&inspection)
        if let configuration, let tokenizer { match(tokenizer, configuration, &inspection) }
        let name = configuration?.family.architecture ?? "a model that hone cannot read"
        let count = inspection.parameters.reduce(0) { $0 + $1.parameters }
        inspection.summary = "checkpoint: \(name), \(count) parameters"
    }

    /// One file of weights without a configuration.
    func weights(_ inspection: inout Inspection) {
        if let file = inspection.attempt({ try SafetensorsFile(path) }) { describe([file], &inspection) }
        let count = inspection.parameters.reduce(0) { $0 + $1.parameters }
        inspection.summary = "one file of weights, \(count) parameters; its folder says what they belong to"
    }

    /// Sizes and the table of parameters.
    func describe(_ files: [SafetensorsFile], _ inspection: inout Inspection) {
        inspection.parameters += ParameterRow.rows(of: files)
        let tensors = files.flatMap(\.tensors)
        let types = Set(tensors.map(\.dataType.rawValue)).sorted()
        // Frozen weights of the engine's own type stay mapped, and matrices in bfloat16 where the team multiplies in
        // it; the others are converted when they are opened.
        let foreign = tensors.filter { !isMapped($0) }.reduce(0) { $0 + $1.count }
        inspection.add(
            "weights",
            [
                ("files", .number(files.count)), ("tensors", .number(tensors.count)),
                ("parameters", .number(tensors.reduce(0) { $0 + $1.count })), ("element_types", .list(types)),
                ("size", .bytes(tensors.reduce(0) { $0 + $1.bytes.count })),
                ("converted_when_frozen", .bytes(foreign * MemoryLayout<Float>.stride)),
            ])
        for file in files where file.isCopied {
            inspection.report(
                .note,
                "\(file.path): others may write this file, so every process reads a copy of its own; "
                    + "chmod go-w lets workers share its pages")
        }
    }

    private func isMapped(_ tensor: TensorInfo) -> Bool {
        switch tensor.dataType {
        case .float32: true
        case .bfloat16: team.products == .bfloat16 && tensor.shape.count == 2
        default: false
        }
    }

    private func describe(_ configuration: ModelConfiguration, _ inspection: inout Inspection) {
        let windows = Set(configuration.windows.compactMap { $0 })
        let biases = configuration.biases
        let biased = [
            ("q, k, v", biases.queryKeyValue), ("attention output", biases.attentionOutput),
            ("mlp", biases.feedForward),
        ].filter(\.1).map(\.0)
        inspection.add(
            "model",
            [
                ("architecture", .text(configuration.family.architecture)),
                ("layers", .number(configuration.layerCount)), ("hidden_size", .number(configuration.hiddenSize)),
                ("intermediate_size", .number(configuration.intermediateSize)),
                ("heads", .number(configuration.headCount)),
                ("key_value_heads", .number(configuration.keyValueHeadCount)),
                ("head_dim", .number(configuration.headDimension)),
                ("vocabulary_rows", .number(configuration.vocabularySize)),
                ("tied_head", .flag(configuration.tiesEmbeddings)),
                ("context", .number(configuration.trainedLength)), ("rope", .text(rotary(configuration.rotary))),
                ("biases", biased.isEmpty ? nil : .list(biased)),
                ("head_norms", configuration.hasHeadNorms ? .flag(true) : nil),
                ("sliding_window", windows.isEmpty ? nil : .list(windows.sorted().map(String.init))),
            ])
    }

    private func rotary(_ settings: RotarySettings) -> String {
        let scaling =
            switch settings.scaling {
            case .none: ""
            case .linear(let factor): ", linear ×\(factor)"
            case .dynamic(let factor): ", dynamic ×\(factor)"
            case .llama3(let factor, _, _, let length): ", llama3 ×\(factor) from \(Int(length))"
            }
        return "theta \(settings.theta)\(scaling)"
    }

    private func match(_ files: WeightFiles, _ configuration: ModelConfiguration, _ inspection: inout Inspection) {
        for finding in inspection.attempt({ try configuration.findings(in: files) }) ?? [] {
            inspection.report(.error, "\(finding)")
        }
        let entries = WeightTable.entries(of: configuration)
        if configuration.tiesEmbeddings {
            // Some tools save the one matrix under the head's name.
            let names = ["lm_head.weight", entries[0].name]
            inspection.parameters += names.filter { !files.contains($0) }.map {
                .tied($0, shape: [configuration.vocabularySize, configuration.hiddenSize])
            }
        }
        inspection.add("training", [("full", .number(entries.reduce(0) { $0 + $1.count }))])
    }

    private func match(_ tokenizer: Tokenizer, _ configuration: ModelConfiguration, _ inspection: inout Inspection) {
        let (ids, rows) = (tokenizer.vocabularySize, configuration.vocabularySize)
        if ids > rows {
            inspection.report(
                .error,
                "the tokenizer has \(ids) ids and the embedding \(rows) rows: ids from \(rows) on have no row; use the "
                    + "tokenizer the model was trained with, or resize_token_embeddings(\(ids)) in transformers")
        } else if ids < rows {
            inspection.report(
                .note, "the embedding has \(rows) rows for \(ids) ids of the tokenizer: the rest are never used")
        }
        if tokenizer.eosID == nil, configuration.endOfSequenceIDs.isEmpty {
            inspection.report(
                .warning, "neither tokenizer nor config.json names an end token: responses are trained without an end")
        }
    }

    private func notePickles(_ inspection: inout Inspection) {
        for name in (try? directoryNames(path)) ?? [] where isPickle(name) {
            inspection.report(.note, "\(path)/\(name): a pickle, which is never opened; the safetensors are used")
        }
    }
}
