import Compute
import Datasets
import DurableFiles
import Glibc
import JobModel
import Transformer

/// What a job would need and how long it would take, before it runs.
package struct RunEstimate: Sendable, Encodable {
    package let name: String
    package let method: String
    /// Parameters that are trained.
    package let trained: Int?
    /// Parameters of every model that is opened.
    package let held: Int?
    package let plan: MemoryPlan
    /// Rows that are trained on.
    package let rows: Int?
    package let time: TimeEstimate?
    /// What the log of the run would say before its first step.
    package let notes: [String]
}

/// How long the matrix products of a run take on this machine.
package struct TimeEstimate: Sendable, Encodable {
    /// Of the whole run; a lower limit, since only matrix products are counted.
    package let seconds: Double
    package let tokensPerStep: Double
    /// Multiplications and additions of a step.
    package let operationsPerStep: Double
    /// Multiplications and additions a second, measured just now with products of the model's own shape.
    package let operationsPerSecond: Double
    package let threads: Int
    /// How it was found, in words.
    package let how: String
}

extension Inspector {
    /// Opens what the job would open, with the path in its place among the inputs.
    func estimate(_ spec: JobSpec, _ inspection: inout Inspection) {
        let kind = inspection.kind
        if !isInput(kind, of: spec) {
            inspection.report(
                .note, "the job has no place for this \(kind.rawValue); the estimate is of the job as it is written")
        }
        inspection.estimate = inspection.attempt { try estimate(spec, of: kind) }
    }

    private func estimate(_ spec: JobSpec, of kind: Inspection.Kind) throws -> RunEstimate {
        let inputs = inputs(spec, kind)
        try requireKnown(spec, kind, inputs)
        let directory = Dataset.temporaryDirectory + "/hone-inspect-\(getpid())"
        defer { try? removeTree(directory) }
        let scratch = RunDirectory(directory)
        if case .pretrain(let objective) = spec.objective, objective.architecture != nil,
            case .train? = objective.tokenizer
        {
            return RunEstimate(
                name: spec.name, method: spec.method.rawValue, trained: nil, held: nil,
                plan: try MemoryPlan(spec, inputs, in: scratch, team: team), rows: nil, time: nil,
                notes: ["the rows are known when the tokenizer has been trained, so no time is estimated"])
        }
        let notes = NoteKeeper()
        let assembly = TaskAssembly(
            spec, inputs, in: scratch, team: team, stop: StopSignal(), observer: notes, isPlan: true)
        let task = try assembly.task()
        let plan = MemoryPlan(task, spec)
        return RunEstimate(
            name: spec.name, method: spec.method.rawValue, trained: task.parameters.count,
            held: task.models.reduce(0) { $0 + $1.weights.elementCount }, plan: plan, rows: task.rowCount,
            time: try RunWork(spec, task)?.time(plan, team), notes: notes.lines)
    }

    /// Whether what is examined can take the place of an input of the job.
    private func isInput(_ kind: Inspection.Kind, of spec: JobSpec) -> Bool {
        switch kind {
        case .weights: false
        case .adapter: spec.adapter?.start != nil
        case .checkpoint, .tokenizer, .dataset, .compressor: true
        }
    }

    /// The specification's inputs, with what is examined instead of the one of its kind.
    private func inputs(_ spec: JobSpec, _ kind: Inspection.Kind) -> JobInputs {
        let inputs = JobInputs(paths: spec, in: folder)
        switch kind {
        case .checkpoint: return inputs.replacing(.model, by: path)
        case .adapter where isInput(kind, of: spec): return inputs.replacing(.adapterStart, by: path)
        case .tokenizer: return inputs.replacing(.tokenizer, by: path)
        case .dataset: return inputs.replacing(.trainingData, byRows: paths)
        case .compressor: return inputs.replacing(.compressor, by: path)
        case .adapter, .weights: return inputs
        }
    }
}

extension Inspector {
    /// Without what another job makes, the estimate would be of another job. What is examined may take its place.
    private func requireKnown(_ spec: JobSpec, _ kind: Inspection.Kind, _ inputs: JobInputs) throws {
        for (role, reference) in spec.inputs {
            guard case .artifact = reference, inputs[role] == nil else { continue }
            if kind == .dataset, role.isTrainingRows { continue }
            throw TrainingError.specification(
                "\(role.rawValue): it comes from another job; write the folder of its artifacts in the specification, "
                    + "or examine it itself")
        }
    }
}

extension InputRole {
    /// Whether rows that are examined take its place.
    fileprivate var isTrainingRows: Bool {
        switch self {
        case .trainingData, .trainingPart: true
        default: false
        }
    }
}
