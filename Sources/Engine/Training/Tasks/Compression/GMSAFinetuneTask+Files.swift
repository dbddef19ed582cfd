import Compute
import ContextCompression
package import DurableFiles
import JobModel
import Safetensors
import Transformer

extension GMSAFinetuneTask {
    private static let weights = "decoder.safetensors"

    package func writeWeights(into directory: inout DurableDirectory) throws {
        try directory.add(Self.weights, tensors: parameters.tensors(of: parameters.values))
    }

    package func readWeights(from path: String) throws {
        try parameters.read(parameters.values, from: SafetensorsFile(path + "/" + Self.weights))
    }

    package var publishesLogs: Bool { true }

    package func export(into directory: inout DurableDirectory, after state: TrainingState) throws {
        var record = record
        record.stage = .finetune
        record.segment = cut.recorded
        record.rates = objective.rates.train
        record.decoderTraining = objective.stage2.train.recorded
        record.questionTemplate = objective.prompt.qaTemplate
        record.training = state.record(spec)
        record.metrics = state.evaluationMetrics
        try compressor.save(into: &directory, record, of: base, team: workspace.team)
        try directory.addDecoder(decoder.model, folder, team: workspace.team)
        try folder.copyCompanions(into: &directory)
        try directory.add("README.md", ModelCard(spec, state).text + CompressorCard.text)
    }
}
