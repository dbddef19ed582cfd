import Compute
import DurableFiles
import Foundation
import JobModel
import Safetensors
import TestFolders
import TestSupport
import Testing
import Training
import Transformer

/// Whole jobs in one process, from the specification to result.json.
final class JobBench {
    let scratch: TestFolder
    let team: ThreadTeam

    init() throws {
        scratch = try TestFolder()
        team = try ThreadTeam(threads: 2)
        let words = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "one", "red", "bird"]
        var text = ""
        var pairs = ""
        for row in 0..<24 {
            let sentence = (0..<9).map { words[(row * 5 + $0 * ($0 + row)) % words.count] }
            text += sentence.joined(separator: " ") + ".\n\n"
            let prompt = sentence[0..<3].joined(separator: " ")
            let good = sentence[3...].joined(separator: " ")
            pairs += "{\"prompt\":\"\(prompt)\",\"chosen\":\" \(good)\",\"rejected\":\" \(String(good.reversed()))\"}\n"
        }
        try durableWrite(text, to: scratch.path + "/text.txt")
        try durableWrite(pairs, to: scratch.path + "/pairs.jsonl")
    }

    func run(
        _ spec: JobSpec, inputs: [InputRole: String], name: String, observer: any TrainingObserver = SilentObserver()
    ) throws -> ResultRecord {
        let directory = scratch.path + "/" + name
        try makeDirectory(directory)
        let paths = Dictionary(uniqueKeysWithValues: inputs.map { ($0.key.rawValue, $0.value) })
        let run = JobRun(
            spec, in: RunDirectory(directory), identity: RunIdentity(job: 4, fence: 2, specSha256: "s"), team: team,
            build: "test", stop: StopSignal(), observer: observer)
        return try run.run(JobInputs(paths)) { WorkerUsage(cpuMs: 0, maxRss: 0) }
    }

    /// A language model trained on the text, as the start of other jobs.
    func pretrained() throws -> (result: ResultRecord, folder: String) {
        var spec = JobSpec(name: "lm", method: .pretrain)
        var shape = ArchitectureSettings()
        shape.hiddenSize = 16
        shape.intermediateSize = 24
        shape.layers = 1
        shape.heads = 2
        shape.keyValueHeads = 2
        shape.headDimension = 8
        shape.context = 64
        var objective = PretrainObjective()
        objective.architecture = shape
        objective.tokenizer = .train(vocabularySize: 280)
        spec.objective = .pretrain(objective)
        spec.train.steps = 20
        spec.train.microbatch = 4
        spec.train.learningRate = 0.02
        let result = try run(
            spec, inputs: [.trainingData: scratch.path + "/text.txt", .evaluationData: scratch.path + "/text.txt"],
            name: "lm")
        return (result, scratch.path + "/lm/artifacts")
    }

    func preferenceSpec(_ method: JobModel.Method) -> JobSpec {
        var spec = JobSpec(name: "pref", method: method)
        spec.reference = .cached
        spec.train.steps = 4
        spec.train.microbatch = 3
        spec.train.learningRate = 0.005
        spec.dataset.maxLength = 48
        return spec
    }
}

@Suite struct JobRunTests {
    @Test func pretrainingPublishesAFolderThatLoads() throws {
        let bench = try JobBench()
        let (result, folder) = try bench.pretrained()
        #expect(result.outcome == .success)
        #expect(result.steps == 20)
        let (before, after) = (
            try #require(result.initialMetrics["eval_loss"]), try #require(result.metrics["eval_loss"])
        )
        #expect(after < before)
        let names = try directoryNames(folder)
        for name in [
            "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "generation_config.json",
            "README.md",
        ] {
            #expect(names.contains(name))
        }
        for artifact in result.artifacts {
            let (hex, bytes) = try SHA256.hex(ofFile: folder + "/" + artifact.name)
            #expect(hex == artifact.sha256)
            #expect(Int64(bytes) == artifact.bytes)
        }
        let record = try JSONCoding.decode(
            ResultRecord.self, from: try readFile(bench.scratch.path + "/lm/result.json"))
        #expect(record == result)
        _ = try LanguageModel(folder: folder, team: bench.team)
    }

    @Test(arguments: [false, true])
    func preferenceJobsRunFromPublishedModels(hasAdapter: Bool) throws {
        let bench = try JobBench()
        let folder = try bench.pretrained().folder
        var spec = bench.preferenceSpec(.tiDPO)
        if hasAdapter {
            var adapter = JobModel.AdapterSettings()
            adapter.rank = 2
            adapter.merge = true
            spec.adapter = adapter
        }
        let pairs = bench.scratch.path + "/pairs.jsonl"
        let inputs: [InputRole: String] = [.model: folder, .trainingData: pairs, .evaluationData: pairs]
        let result = try bench.run(spec, inputs: inputs, name: "pref")
        // Cached scores of the reference are float32: a policy in Double differs from them before the first step.
        if !isDoublePrecision { #expect(result.initialMetrics["eval_rewards/accuracies"] == 0) }
        #expect(abs((result.initialMetrics["eval_loss"] ?? 0) - log(2)) < 1e-6)
        #expect((result.metrics["eval_loss"] ?? 1) < log(2))
        let names = result.artifacts.map(\.name)
        #expect(names.contains("adapter_model.safetensors") == hasAdapter)
        #expect(names.contains("merged/model.safetensors") == hasAdapter)
        #expect(names.contains("model.safetensors") == !hasAdapter)
        // One for each dataset, kept under its digest, and used by a second attempt.
        let caches = try directoryNames(bench.scratch.path + "/pref/cache")
        #expect(caches.count == 1)
    }

    /// A killed attempt left artifacts without a result: they are made again, with the same bytes.
    @Test func publishingIsFinishedOnce() throws {
        let bench = try JobBench()
        let folder = try bench.pretrained().folder
        let pairs = bench.scratch.path + "/pairs.jsonl"
        let inputs: [InputRole: String] = [.model: folder, .trainingData: pairs]
        let first = try bench.run(bench.preferenceSpec(.dpo), inputs: inputs, name: "pref")
        try removeTree(bench.scratch.path + "/pref/result.json")
        try durableWrite("half", to: bench.scratch.path + "/pref/artifacts/model.safetensors")
        let second = try bench.run(bench.preferenceSpec(.dpo), inputs: inputs, name: "pref")
        #expect(first.artifacts == second.artifacts)
        let error = #expect(throws: FileError.self) {
            try bench.run(bench.preferenceSpec(.dpo), inputs: inputs, name: "pref")
        }
        #expect(error?.path.hasSuffix("result.json") == true)
    }

    @Test func supervisedFineTuningLowersTheLossOfResponses() throws {
        let bench = try JobBench()
        let folder = try bench.pretrained().folder
        var spec = JobSpec(name: "sft", method: .sft)
        spec.dataset.columns.response = "chosen"
        spec.train.steps = 10
        spec.train.microbatch = 4
        spec.train.accumulation = 2
        spec.train.learningRate = 0.01
        let pairs = bench.scratch.path + "/pairs.jsonl"
        let result = try bench.run(
            spec, inputs: [.model: folder, .trainingData: pairs, .evaluationData: pairs], name: "sft")
        #expect((result.metrics["eval_loss"] ?? 9) < (result.initialMetrics["eval_loss"] ?? 0))
    }

    @Test func mistakesAreNamed() throws {
        let bench = try JobBench()
        let folder = try bench.pretrained().folder
        let pairs = bench.scratch.path + "/pairs.jsonl"
        var spec = bench.preferenceSpec(.dpo)
        spec.dataset.maxLength = 65
        let long = #expect(throws: TrainingError.self) {
            try bench.run(spec, inputs: [.model: folder, .trainingData: pairs], name: "a")
        }
        #expect(long?.description.contains("dataset.max_length: 65") == true)
        let missing = #expect(throws: TrainingError.self) {
            try bench.run(bench.preferenceSpec(.dpo), inputs: [.trainingData: pairs], name: "b")
        }
        #expect(missing?.description.hasPrefix("model: missing") == true)
        spec = bench.preferenceSpec(.dpo)
        spec.checkpoint.keepBest = "eval_f1"
        let metric = #expect(throws: TrainingError.self) {
            try bench.run(spec, inputs: [.model: folder, .trainingData: pairs, .evaluationData: pairs], name: "c")
        }
        #expect(metric?.description.contains("eval_f1 is no metric") == true)
    }

    @Test func planGrowsWithTheMicrobatch() throws {
        let bench = try JobBench()
        let folder = try bench.pretrained().folder
        let inputs = JobInputs([
            InputRole.model.rawValue: folder, InputRole.trainingData.rawValue: bench.scratch.path + "/pairs.jsonl",
        ])
        var spec = bench.preferenceSpec(.tiDPO)
        func plan() throws -> MemoryPlan {
            try MemoryPlan(spec, inputs, in: RunDirectory(bench.scratch.path + "/nowhere"), team: bench.team)
        }
        let small = try plan()
        spec.train.microbatch = 12
        let large = try plan()
        #expect(large.memory > small.memory)
        #expect(small.steps == 4)
        #expect(small.checkpoint > 2 * small.artifacts)
        #expect(fileKind(bench.scratch.path + "/nowhere") == .missing)
    }
}

@Suite struct LanguageModelingTests {
    /// The mean is over tokens of the whole step: ragged microbatches of any size give the large batch.
    @Test func accumulationEqualsLargeBatch() throws {
        let bench = try JobBench()
        let folder = try bench.pretrained().folder
        var spec = JobSpec(name: "sft", method: .sft)
        spec.dataset.columns.response = "chosen"
        let inputs = JobInputs([
            InputRole.model.rawValue: folder, InputRole.trainingData.rawValue: bench.scratch.path + "/pairs.jsonl",
        ])
        func firstStep(_ microbatches: [[Int]]) throws -> ([Double], Double) {
            let assembly = TaskAssembly(
                spec, inputs, in: RunDirectory(bench.scratch.path + "/x"), team: bench.team, stop: StopSignal(),
                observer: SilentObserver())
            let task = try assembly.task()
            let weight = try microbatches.joined().reduce(0) { $0 + Double(try task.weight(ofRow: $1)) }
            let step = StepRows(step: 0, microbatches: microbatches, weight: weight)
            task.parameters.zeroGradients(bench.team)
            for index in microbatches.indices { _ = try task.accumulate(index, of: step) }
            let gradients = try #require(task.parameters.gradients)
            return ((0..<gradients.count).map { Double(gradients.base[$0]) }, task.takeStepMetrics()["loss"] ?? .nan)
        }
        let whole = try firstStep([[0, 1, 2, 3, 4, 5, 6]])
        let parts = try firstStep([[0], [1, 2, 3], [4, 5], [6]])
        #expect(distance(whole.0, parts.0) < 1e-4)
        #expect(abs(whole.1 - parts.1) < 1e-5)
    }
}
