import Compute
import DurableFiles
import Safetensors
import Training
import Transformer

/// Least squares on rows computed from their numbers: the smallest thing the loop can train.
final class ToyTask: TrainingTask {
    let parameters: ParameterStore
    let rowCount: Int
    let datasetSha256 = "toy"
    let evaluates: Bool
    /// Looked at once per microbatch; throws to interrupt.
    var interruption: (Int) throws -> Void = { _ in }
    /// Looked at once per evaluation, given the number of the evaluation; may ask for a stop.
    var duringEvaluation: (Int) -> Void = { _ in }
    private(set) var microbatches = 0
    private var evaluations = 0
    private var loss = 0.0

    init(rowCount: Int = 13, evaluates: Bool = false) throws {
        self.rowCount = rowCount
        self.evaluates = evaluates
        parameters = try ParameterStore([
            WeightEntry(name: "matrix", role: .head, rows: 3, columns: 5, isMatrix: true),
            WeightEntry(name: "bias", role: .finalNorm, rows: 1, columns: 3, isMatrix: false),
        ])
        for index in 0..<parameters.count { parameters.values.base[index] = Real(index % 7) * 0.1 - 0.3 }
    }

    func weight(ofRow row: Int) -> Int { 1 + row % 3 }

    func accumulate(_ microbatch: Int, of step: StepRows) throws -> Int {
        let rows = step.microbatches[microbatch]
        try interruption(microbatches)
        microbatches += 1
        for row in rows {
            loss += Double(weight(ofRow: row)) * add(row, share: Double(weight(ofRow: row)) / step.weight) / step.weight
        }
        return rows.count
    }

    /// Loss of a row; its gradient times `share` goes to the parameters.
    private func add(_ row: Int, share: Double) -> Double {
        let gradients = parameters.gradients!
        var loss = 0.0
        for output in 0..<3 {
            let inputs = (0..<5).map { Real((row * 31 + $0 * 17 + output) % 11) / 11 - 0.5 }
            var error = parameters.values.base[15 + output] - Real(row % 5) * 0.2
            for input in 0..<5 { error += parameters.values.base[output * 5 + input] * inputs[input] }
            loss += 0.5 * Double(error) * Double(error)
            for input in 0..<5 { gradients.base[output * 5 + input] += Real(share) * error * inputs[input] }
            gradients.base[15 + output] += Real(share) * error
        }
        return loss
    }

    func takeStepMetrics() -> [String: Double] {
        defer { loss = 0 }
        return ["loss": loss]
    }

    func evaluate(_ stop: StopSignal) throws -> [String: Double] {
        duringEvaluation(evaluations)
        evaluations += 1
        try stop.check()
        return ["loss": (0..<parameters.count).reduce(0) { $0 + Double(abs(parameters.values.base[$1])) }]
    }

    func writeWeights(into directory: inout DurableDirectory) throws {
        try directory.add("model.safetensors", tensors: parameters.tensors(of: parameters.values))
    }

    func readWeights(from path: String) throws {
        try parameters.read(parameters.values, from: SafetensorsFile(path + "/model.safetensors"))
    }

    func export(into directory: inout DurableDirectory, after state: TrainingState) throws {
        try writeWeights(into: &directory)
    }
}
