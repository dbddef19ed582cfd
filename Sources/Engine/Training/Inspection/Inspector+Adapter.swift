import ContextCompression
import DurableFiles
import JSON
import Safetensors
import Transformer

extension Inspector {
    /// A folder of PEFT, checked against its base where that is at hand.
    func adapter(_ inspection: inout Inspection) {
        if let folder = inspection.attempt({ try AdapterFolder(path) }) {
            describe(folder.settings, &inspection)
            describe(folder.weights.files, &inspection)
            if let base = base(named: adapterBase, &inspection),
                let configuration = inspection.attempt({ try ModelConfiguration(folder: base) })
            {
                for finding in folder.findings(for: configuration) { inspection.report(.error, "\(finding)") }
            }
            inspection.summary =
                "adapter: LoRA of rank \(folder.settings.rank), "
                + "\(inspection.parameters.reduce(0) { $0 + $1.parameters }) parameters"
        } else {
            inspection.summary = "adapter: cannot be read"
        }
    }

    private var adapterBase: String? {
        let root = try? JSONValue.read(path + "/adapter_config.json", hint: "")
        guard case .object(let fields)? = root, case .string(let name)? = fields["base_model_name_or_path"] else {
            return nil
        }
        return name
    }

    private func describe(_ settings: Transformer.AdapterSettings, _ inspection: inout Inspection) {
        let targets =
            switch settings.targets {
            case .allLinear: "all linears"
            case .named(let names): names.sorted().joined(separator: ", ")
            case .expression(let expression): expression
            }
        let scale = settings.isRankStabilized ? Double(settings.rank).squareRoot() : Double(settings.rank)
        inspection.add(
            "adapter",
            [
                ("base", adapterBase.map { .text($0) }), ("rank", .number(settings.rank)),
                ("alpha", .real(settings.alpha)), ("scale", .real(settings.alpha / scale)),
                ("rank_stabilized", .flag(settings.isRankStabilized)), ("dropout", .real(settings.dropout)),
                ("targets", .text(targets)), ("layers", settings.layers.map { .list($0.map(String.init)) }),
                ("modules_to_save", settings.modulesToSave.isEmpty ? nil : .list(settings.modulesToSave)),
                ("rank_pattern", settings.rankPattern.isEmpty ? nil : .list(settings.rankPattern.keys.sorted())),
                ("alpha_pattern", settings.alphaPattern.isEmpty ? nil : .list(settings.alphaPattern.keys.sorted())),
            ])
    }

    /// The folder of a base model: the one that was given, else the one that the artifact names, if it is here.
    func base(named name: String?, _ inspection: inout Inspection) -> String? {
        if let model { return model }
        let beside = name.map { path + "/../" + $0 }
        if let found = [name, beside].compactMap({ $0 }).first(where: { (try? directoryNames($0)) != nil }) {
            return found
        }
        inspection.report(
            .note,
            "the base model \(name ?? "is not named and") is not here, so its tensors are not compared with these; "
                + "--model DIR compares them")
        return nil
    }
}
