import Compute
import ContextCompression
package import DurableFiles
internal import JSON
import JobModel
import Safetensors
package import Transformer

extension GMSAAutoencoderTask {
    private static let weights = "compressor.safetensors"

    package func writeWeights(into directory: inout DurableDirectory) throws {
        try directory.add(Self.weights, tensors: parameters.tensors(of: parameters.values))
    }

    package func readWeights(from path: String) throws {
        try parameters.read(parameters.values, from: SafetensorsFile(path + "/" + Self.weights))
    }

    package var publishesLogs: Bool { true }

    package func export(into directory: inout DurableDirectory, after state: TrainingState) throws {
        let record = CompressorRecord(
            stage: .autoencoding,
            base: CompressorRecord.Base(id: folder.path, sha256: try folder.digest {}),
            settings: autoencoder.compressor.settings, segment: cut.recorded, rates: objective.rates.train,
            decoderTraining: objective.ae.decoder.recorded, restatement: objective.ae.text,
            training: state.record(spec), metrics: state.evaluationMetrics)
        try autoencoder.compressor.save(into: &directory, record, of: base, team: workspace.team)
        if objective.ae.decoder != .frozen {
            try directory.addDecoder(autoencoder.decoder.model, folder, team: workspace.team)
        }
        try folder.copyCompanions(into: &directory)
        try directory.add("README.md", ModelCard(spec, state).text + CompressorCard.text)
    }
}

extension GMSAAutoencoderTask: MemoryPlanning {
    package var models: [LanguageModel] {
        objective.ae.decoder == .frozen ? [base] : [autoencoder.decoder.model, base]
    }

    package var largestPassByteCount: Int {
        Workspace.byteCount(workspace.team) {
            autoencoder.activations(for: largestBatch, recording: recording, request: .statistics, $0)
        }
    }

    package var compressionWork: CompressionWork? {
        get throws {
            let cost = CompressionCost(
                base, autoencoder.compressor.settings, cut, objective.ae.decoder, objective.decoder, spec)
            let prompt = objective.ae.prompt == .learned ? 1 : instruction.count
            let mean = try CompressionWork.mean(rows: windows.count, rates: objective.rates) { index in
                let context = try windows.context(index).count
                return CompressionCost.Row(context: context, prompt: prompt, target: context + 1)
            } _: { sample in
                CompressionWork.Share(
                    tokens: cost.tokens(sample),
                    operations: cost.trainedCompression(sample) + cost.trainedDecoding(sample))
            }
            return CompressionWork(
                tokens: mean.tokens, operations: mean.operations, operationsBefore: 0,
                counted: "compressor and decoder for", countedBefore: "")
        }
    }
}

extension DurableDirectory {
    /// A decoder that was trained, as an ordinary model folder.
    mutating func addDecoder(_ model: LanguageModel, _ folder: ModelFolder, team: ThreadTeam) throws {
        try addDirectory("decoder") { decoder in
            try model.save(into: &decoder, team: team)
            try folder.copyCompanions(into: &decoder)
        }
    }
}

extension TrainingState {
    /// What gmsa.json says of a run.
    func record(_ spec: JobSpec) -> JSONObject {
        [
            "lr": .number(spec.train.learningRate), "steps": .integer(step),
            "batch": .integer(spec.train.rowsPerStep), "seed": .integer(Int(spec.train.seed)),
            "tokens_seen": .integer(tokens),
        ]
    }
}
