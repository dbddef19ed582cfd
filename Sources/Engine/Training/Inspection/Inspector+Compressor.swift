import ContextCompression
import DurableFiles
import Safetensors
import Transformer

extension Inspector {
    /// The artifacts of GMSA: what the compressor is, its parts, and whether its base is the one it was made from.
    func compressor(_ inspection: inout Inspection) {
        let record = inspection.attempt { try CompressorRecord(folder: path) }
        if let record { describe(record, &inspection) }
        for part in weightFolders() {
            if let file = inspection.attempt({ try SafetensorsFile(path + "/" + part) }) {
                inspection.parameters += ParameterRow.rows(of: [file])
                inspection.add(
                    part,
                    [
                        ("tensors", .number(file.tensors.count)),
                        ("parameters", .number(file.tensors.reduce(0) { $0 + $1.count })),
                        ("size", .bytes(file.tensors.reduce(0) { $0 + $1.bytes.count })),
                    ])
            }
        }
        if let record, let base = base(named: record.base.id, &inspection) { match(record, base, &inspection) }
        inspection.summary =
            "GMSA artifacts: "
            + (record.map { "\($0.stage.rawValue), \($0.settings.encoderLayers) encoder layers, base \($0.base.id)" }
                ?? "cannot be read")
    }

    private func describe(_ record: CompressorRecord, _ inspection: inout Inspection) {
        let settings = record.settings
        inspection.add(
            "compressor",
            [
                ("stage", .text(record.stage.rawValue)), ("base", .text(record.base.id)),
                ("encoder_layers", .number(settings.encoderLayers)), ("adapter_rank", .number(settings.adapterRank)),
                ("adapter_alpha", .real(settings.adapterAlpha)),
                ("alignment_layers", .number(settings.alignmentLayers)),
                ("alignment_norm", .text(settings.alignmentNorm.rawValue)),
                ("segment_tokens", record.segment.map { .number($0.tokens) } ?? .text("none")),
                ("rates", .list(record.rates.map(String.init))), ("decoder", .text(record.decoderTraining)),
            ])
    }

    /// Weights in the folder and in the folders in it.
    private func weightFolders() -> [String] {
        func names(_ folder: String) -> [String] {
            ((try? directoryNames(path + "/" + folder)) ?? []).map { folder.isEmpty ? $0 : folder + "/" + $0 }
        }
        let first = names("")
        let second = first.flatMap(names)
        return (first + second + second.flatMap(names)).filter { $0.hasSuffix(".safetensors") }.sorted()
    }

    private func match(_ record: CompressorRecord, _ base: String, _ inspection: inout Inspection) {
        guard let digest = inspection.attempt({ try ModelFolder(base).digest {} }) else { return }
        guard digest == record.base.sha256 else {
            inspection.report(
                .error, "\(base): another model than the compressor was made from; its digest is \(digest), expected "
                    + record.base.sha256)
            return
        }
        _ = inspection.attempt {
            let model = try LanguageModel(folder: base, team: team)
            _ = try Compressor(folder: path, record, of: model, trained: false)
        }
    }
}
