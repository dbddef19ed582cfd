import Compute
import ContextCompression
import DurableFiles
import JobModel
import TestFolders
import Testing
import Tokenization
import Training
import Transformer

/// Both stages as jobs on a random model of three layers: from files to artifacts.
@Suite struct GMSATaskTests {
    /// Stopped after any step and resumed by a new process: the same artifacts and metrics.
    @Test(arguments: GMSACase.allCases) func resumedIsIdentical(tiny: GMSACase) throws {
        let run = try GMSARun(tiny)
        let expected = try run.complete(in: "straight")
        #expect(!expected.artifacts.isEmpty)
        for step in [0, 2] as [Int64] {
            let stop = StopSignal()
            #expect(throws: StopSignal.Stopped.self) {
                try run.complete(in: "stopped-\(step)", stop: stop, observer: StopAt(step: step, stop))
            }
            let resumed = try run.complete(in: "stopped-\(step)")
            #expect(resumed.artifacts == expected.artifacts, "stopped after step \(step)")
            #expect(resumed.metrics == expected.metrics)
        }
    }

    @Test(arguments: GMSACase.allCases) func lossFalls(tiny: GMSACase) throws {
        var run = try GMSARun(tiny)
        run.spec.train.steps = 60
        let result = try run.complete(in: "long")
        let (before, after) = (result.initialMetrics["eval_loss"], result.metrics["eval_loss"])
        #expect(try #require(after) < 0.98 * #require(before))
        #expect(result.metrics["eval_no_memory_loss"] != nil)
    }

    /// The log says what became of the rows, how long they are, and which tokens of the first carry loss.
    @Test(arguments: [GMSACase.autoencoder, .learnedPrompt, .finetune]) func rowsAreLogged(tiny: GMSACase) throws {
        let run = try GMSARun(tiny)
        let log = NoteKeeper()
        try run.complete(in: "logged", observer: log)
        for role in ["dataset.train", "dataset.eval"] {
            #expect(log.lines.contains { $0.hasPrefix("\(role): examples kept: 6; lengths of contexts mean ") })
            let example = try #require(log.lines.first { $0.hasPrefix("\(role): the first example:\n") })
            let parts = ["context, compressed, ", "answer, trained, "]
                + (tiny == .learnedPrompt ? ["prompt, no loss: one learned embedding"] : ["prompt, no loss, "])
            for part in parts { #expect(example.contains("\n" + part), "\(example)") }
        }
    }

    /// Whoever compresses with the artifacts finds how contexts were cut, of either stage.
    @Test func segmentsArePublished() throws {
        func segment(
            _ tiny: GMSACase, _ change: (inout GMSARun) -> Void = { _ in }
        ) throws -> CompressorRecord.Segment? {
            var run = try GMSARun(tiny)
            run.spec.train.steps = 1
            change(&run)
            try run.complete(in: "done")
            return try CompressorRecord(folder: run.scratch.path + "/done/artifacts").segment
        }
        #expect(try segment(.autoencoder) == nil)
        #expect(try segment(.segments) == CompressorRecord.Segment(tokens: 5))
        #expect(try segment(.overlap) == CompressorRecord.Segment(tokens: 5, overlap: 2))
        let finetuned = try segment(.finetune) { run in
            guard case .gmsaFinetune(var objective) = run.spec.objective else { return }
            objective.segment.tokens = 4
            run.spec.objective = .gmsaFinetune(objective)
        }
        #expect(finetuned == CompressorRecord.Segment(tokens: 4))
    }

    @Test func compressorOfAnotherModelIsRefused() throws {
        var run = try GMSARun(.finetune)
        let other = try GMSARun(.finetune, seed: 9)
        run.inputs[InputRole.model.rawValue] = other.inputs[InputRole.model.rawValue]
        #expect(throws: TrainingError.self) { try run.complete(in: "other") }
    }

    @Test func settingsThatAreNotTrainedAreRefused() throws {
        var objective = GMSAAutoencoderObjective()
        objective.encoder.attention = .bidirectional
        try refuses(.gmsaAutoencoder(objective), .autoencoder)
        objective = GMSAAutoencoderObjective()
        objective.decoder.softPositions = .stretched
        try refuses(.gmsaAutoencoder(objective), .autoencoder)
        objective = GMSAAutoencoderObjective()
        (objective.segment.tokens, objective.segment.overlap) = (4, 4)
        try refuses(.gmsaAutoencoder(objective), .autoencoder)
        var finetune = GMSAFinetuneObjective()
        finetune.stage2.encoderMode = .train
        try refuses(.gmsaFinetune(finetune), .finetune)
    }

    private func refuses(_ objective: Objective, _ tiny: GMSACase) throws {
        var run = try GMSARun(tiny)
        run.spec.objective = objective
        #expect(throws: TrainingError.self) { try run.complete(in: "refused") }
    }

    /// Tokens that went through the models, after every step.
    private func tokens(_ objective: GMSAAutoencoderObjective) throws -> [Double] {
        var run = try GMSARun(.autoencoder)
        run.spec.objective = .gmsaAutoencoder(objective)
        _ = try run.complete(in: "counted")
        return try run.metrics("num_tokens", in: "counted")
    }

    /// A rate of 1 makes more soft tokens than one of 3, for the first half of the steps.
    @Test(arguments: [GMSARateSettings.Sampling.fixed, .all]) func curriculum(
        _ sampling: GMSARateSettings.Sampling
    ) throws {
        var objective = try #require(GMSACase.autoencoder.autoencoder)
        (objective.rates.train, objective.rates.sampling) = ([3], sampling)
        let plain = try tokens(objective)
        objective.rates.curriculum = [1]
        let staged = try tokens(objective)
        let extra = zip(staged, plain).map { $0 - $1 }
        #expect(extra.count == 4)
        #expect(extra[0] > 0 && extra[1] > extra[0])
        #expect(extra[2] == extra[1] && extra[3] == extra[1])
    }

    /// Some first tokens are left out, the same ones whenever a row comes.
    @Test func jitterShortensContexts() throws {
        var objective = try #require(GMSACase.autoencoder.autoencoder)
        (objective.rates.train, objective.rates.sampling) = ([3], .fixed)
        let plain = try tokens(objective)
        objective.merge.phaseJitter = true
        let shifted = try tokens(objective)
        #expect(try #require(shifted.last) < #require(plain.last))
        #expect(try tokens(objective) == shifted)
    }

    @Test func everyMeasuredRateAndControl() throws {
        var objective = try #require(GMSACase.autoencoder.autoencoder)
        objective.rates.evaluate = [2, 5]
        var run = try GMSARun(.autoencoder)
        run.spec.objective = .gmsaAutoencoder(objective)
        let metrics = try run.complete(in: "measured").metrics
        for name in ["loss@2", "loss@5", "prefix_match@5", "exact@2", "wrong_memory_loss@2", "no_memory_loss", "text_loss"] {
            #expect(metrics["eval_" + name] != nil, "\(name)")
        }
        #expect(metrics["eval_loss@3"] == nil)
    }

    /// Free-running writing, of as many rows as asked for; up to its first error it is what teacher-forced scores say.
    @Test func writtenAnswers() throws {
        var objective = try #require(GMSACase.learnedPrompt.autoencoder)
        (objective.generation.rows, objective.generation.maxNew) = (6, 40)
        var run = try GMSARun(.autoencoder)
        run.spec.objective = .gmsaAutoencoder(objective)
        run.spec.train.steps = 40
        let metrics = try run.complete(in: "restored").metrics
        #expect(try #require(metrics["eval_bleu@2"]) >= 0)
        // The end token is a part of the teacher-forced target and not of the written text.
        let (written, scored) = (metrics["eval_written_prefix_match@2"], metrics["eval_prefix_match@2"])
        #expect(try #require(written) >= #require(scored) - 1e-12)

        var finetune = GMSAFinetuneObjective()
        finetune.rates.train = [2]
        (finetune.generation.rows, finetune.generation.f1References) = (4, .first)
        var second = try GMSARun(.finetune)
        second.spec.objective = .gmsaFinetune(finetune)
        let answers = try second.complete(in: "answered").metrics
        for name in ["exact_match@2", "f1@2", "substring@2"] {
            #expect((0...1).contains(try #require(answers["eval_" + name])), "\(name)")
        }
        #expect(try GMSARun(.finetune).complete(in: "silent").metrics["eval_f1@2"] == nil)
    }

    /// What the first stage trained in its decoder is where the second begins.
    @Test func trainedDecoderGoesOn() throws {
        var first = try GMSARun(.trainedDecoder)
        first.spec.train.steps = 8
        _ = try first.complete(in: "first")
        var second = try GMSARun(.finetune)
        second.inputs[InputRole.compressor.rawValue] = first.scratch.path + "/first/artifacts"
        let trained = try second.complete(in: "second").initialMetrics
        let model = first.scratch.path + "/first/artifacts/decoder/model.safetensors"
        #expect(try readFile(model) != readFile(first.scratch.path + "/model/model.safetensors"))
        let untouched = try GMSARun(.finetune).complete(in: "second").initialMetrics
        #expect(trained["eval_no_memory_loss"] != untouched["eval_no_memory_loss"])
    }

    @Test func rowsThatDoNotFitAreNamed() throws {
        let run = try GMSARun(.finetune)
        let context = String(repeating: "ab cd ", count: 400)
        try durableWrite(
            "{\"text\":\"\(context)\",\"prompt\":\"a\",\"response\":\"b\"}\n",
            to: run.scratch.path + "/questions.jsonl")
        #expect {
            try run.complete(in: "long")
        } throws: { error in
            "\(error)".contains("questions.jsonl:1") && "\(error)".contains("positions")
        }
    }
}

/// One job with its files.
struct GMSARun {
    let scratch: TestFolder
    let team: ThreadTeam
    var spec: JobSpec
    var inputs: [String: String]

    init(_ tiny: GMSACase, seed: UInt64 = 3) throws {
        scratch = try TestFolder()
        team = try ThreadTeam(threads: 2)
        spec = Self.spec(tiny.objective, method: tiny.isFinetune ? .gmsaFinetune : .gmsaAutoencoder)
        let (model, texts) = (scratch.path + "/model", scratch.path + "/texts.jsonl")
        inputs = [
            InputRole.model.rawValue: model, InputRole.trainingData.rawValue: texts,
            InputRole.evaluationData.rawValue: texts,
        ]
        try Self.makeModel(in: scratch.path, seed: seed, team)
        try durableWrite(Self.texts, to: texts)
        if tiny.isFinetune { try makeCompressor(tiny) }
    }

    /// The first stage's artifacts, and questions for the second.
    private mutating func makeCompressor(_ tiny: GMSACase) throws {
        if let stage = tiny.firstStage {
            var first = self
            first.spec = Self.spec(stage.objective, method: .gmsaAutoencoder)
            _ = try first.complete(in: "first")
            inputs[InputRole.compressor.rawValue] = scratch.path + "/first/artifacts"
        }
        let questions = scratch.path + "/questions.jsonl"
        try durableWrite(Self.questions, to: questions)
        inputs[InputRole.trainingData.rawValue] = questions
        inputs[InputRole.evaluationData.rawValue] = questions
    }

    private static func spec(_ objective: Objective, method: Method) -> JobSpec {
        var spec = JobSpec(name: "tiny", method: method)
        spec.objective = objective
        spec.train.steps = 4
        spec.train.microbatch = 2
        spec.train.accumulation = 2
        spec.train.learningRate = 0.003
        spec.train.seed = 5
        spec.checkpoint.everySteps = 2
        spec.checkpoint.every = Milliseconds(seconds: 3600)
        return spec
    }

    private static let words = ["red", "blue", "fox", "dog", "runs", "sits", "here", "there", "now", "then"]

    private static func sentence(_ row: Int, _ count: Int) -> String {
        (0..<count).map { words[(row * 7 + $0 * 3 + $0 * $0) % words.count] }.joined(separator: " ")
    }

    private static let texts = (0..<6).map { "{\"text\":\"\(sentence($0, 3 + $0))\"}\n" }.joined()

    private static let questions = (0..<6).map { row in
        "{\"text\":\"\(sentence(row, 4 + row))\",\"prompt\":\"\(words[row])?\",\"response\":\"\(words[9 - row])\"}\n"
    }.joined()

    private static func makeModel(in path: String, seed: UInt64, _ team: ThreadTeam) throws {
        var trainer = try BytePairTrainer(BytePairTrainer.Settings(vocabularySize: 280))
        for row in 0..<6 { trainer.add(sentence(row, 9)) }
        let trained = trainer.train()
        var directory = try DurableDirectory(in: path, name: "model", temporaryName: ".model")
        let configuration = try ModelConfiguration(
            vocabularySize: trained.vocabularySize, hiddenSize: 16, intermediateSize: 24, layerCount: 3, headCount: 4,
            keyValueHeadCount: 2, trainedLength: 64, tiesEmbeddings: true, initializerRange: 0.3)
        try LanguageModel(configuration, from: .random(seed: seed), trained: .all, team: team)
            .save(into: &directory, team: team)
        try directory.add("tokenizer.json") { try $0.write(trained.tokenizerJSON) }
        try directory.add("tokenizer_config.json") { try $0.write(trained.configurationJSON) }
        try directory.publish()
    }

    /// One metric of every step.
    func metrics(_ name: String, in directory: String) throws -> [Double] {
        let bytes = try readFile(scratch.path + "/" + directory + "/metrics.jsonl")
        return try bytes.split(separator: UInt8(ascii: "\n")).compactMap {
            try JSONCoding.decode([String: Double].self, from: $0)[name]
        }
    }

    @discardableResult
    func complete(
        in name: String, stop: StopSignal = StopSignal(), observer: any TrainingObserver = SilentObserver()
    ) throws -> ResultRecord {
        let directory = scratch.path + "/" + name
        if fileKind(directory) == .missing { try makeDirectory(directory) }
        let run = JobRun(
            spec, in: RunDirectory(directory), identity: RunIdentity(job: 1, fence: 1, specSha256: "s"), team: team,
            build: "test", stop: stop, observer: observer)
        return try run.run(JobInputs(inputs)) { WorkerUsage(cpuMs: 0, maxRss: 0) }
    }
}

/// Asks for a stop with a checkpoint once a given step is done.
private final class StopAt: TrainingObserver {
    let step: Int64
    let stop: StopSignal

    init(step: Int64, _ stop: StopSignal) {
        self.step = step
        self.stop = stop
    }

    func began(_ phase: WorkerPhase) {}
    func progressed(_ progress: ProgressEvent) { if progress.step >= step { stop.request(.checkpoint) } }
    func saved(_ checkpoint: CheckpointEvent) {}
    func failedToSave(errno: Int32) {}
    func noted(_ text: String) {}
}
