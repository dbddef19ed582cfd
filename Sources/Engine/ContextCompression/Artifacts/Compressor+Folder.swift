package import Compute
package import DurableFiles
internal import JSON
internal import Safetensors
package import Transformer

// The artifacts of a compressor: `encoder/` and `lsa/` are ordinary folders without a head for `AutoModel`, whose
// `last_hidden_state` is after the final norm; `adapters/` holds what was trained, in PEFT's form and by itself.

extension Compressor {
    /// Opens published artifacts for the model they were made from.
    ///
    /// - Parameter trained: false leaves out the gradients.
    /// - Throws: `ModelError`, `SafetensorsError` or `CompressionError`, naming file and place.
    package init(folder: String, _ record: CompressorRecord, of base: LanguageModel, trained: Bool) throws {
        try self.init(record.settings, of: base, trained: trained)
        let adapters = folder + "/" + CompressorSaving.adapters
        let encoder = adapters + "/" + CompressorSaving.encoderAdapter + "/" + CompressorSaving.adapterWeights
        try weights.load(.encoder, from: WeightFiles(file: encoder))
        for (part, name) in CompressorSaving.files where !weights.entries(of: part).isEmpty {
            try weights.load(part, from: WeightFiles(file: adapters + "/" + name))
        }
    }

    /// Writes gmsa.json, `encoder/`, `lsa/` and `adapters/`.
    package func save(
        into directory: inout DurableDirectory, _ record: CompressorRecord, of base: LanguageModel, team: ThreadTeam
    ) throws {
        let saving = CompressorSaving(compressor: self, base: base, team: team)
        try directory.add(CompressorRecord.fileName, record.encoded(hiddenSize: base.configuration.hiddenSize).text)
        try directory.addDirectory("encoder") { try saving.writeEncoder(into: &$0) }
        if settings.alignment == .layers {
            try directory.addDirectory("lsa") { try saving.writeAlignment(into: &$0) }
        }
        try directory.addDirectory(CompressorSaving.adapters) { adapters in
            try adapters.addDirectory(CompressorSaving.encoderAdapter) {
                try saving.writeAdapter(into: &$0, base: record.base.id)
            }
            for (part, name) in CompressorSaving.files where !weights.entries(of: part).isEmpty {
                try adapters.add(name) { try saving.write(part, to: &$0) }
            }
        }
    }
}
