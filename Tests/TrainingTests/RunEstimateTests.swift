import DurableFiles
import JobModel
import TestFolders
import Testing
import Tokenization
import Training

@Suite("Inspection: what a job would need")
struct RunEstimateTests {
    @Test(arguments: [false, true]) func ofACheckpoint(withAdapter: Bool) throws {
        let fixture = try InspectionFixture()
        let spec = fixture.spec(.dpo) { if withAdapter { $0.adapter = InspectionFixture.adapter } }
        let estimate = try #require(try fixture.inspect(fixture.model, spec: spec).estimate)
        let expected = withAdapter ? InspectionFixture.adapterCount : fixture.parameterCount(tied: true)
        #expect(estimate.trained == expected)
        let plan = try MemoryPlan(
            spec, JobInputs(paths: spec), in: RunDirectory(fixture.scratch.path + "/plan"), team: fixture.team)
        #expect(estimate.plan == plan && estimate.rows == 8)
        let time = try #require(estimate.time)
        #expect(time.seconds > 0 && time.operationsPerSecond > 0 && time.tokensPerStep > 0)
        #expect(estimate.notes.contains { $0.contains("examples kept: 8") }, "\(estimate.notes)")
    }

    /// The rows that are looked at take the place of the specification's own.
    @Test func ofADataset() throws {
        let fixture = try InspectionFixture()
        var spec = fixture.spec(.dpo)
        spec.dataset.train = [.path(fixture.scratch.path + "/absent.jsonl", sha256: nil)]
        #expect(try fixture.inspect(fixture.pairs, spec: spec).estimate?.rows == 8)
        let found = try fixture.inspect(fixture.model, spec: spec)
        #expect(!found.isUsable && found.messages(.error).contains("absent.jsonl"))
    }

    /// A list in the specification counts as a whole; files that are examined take its place, and what of it cannot be
    /// read is named.
    @Test func ofSeveralFiles() throws {
        let fixture = try InspectionFixture()
        let more = fixture.scratch.path + "/more.jsonl"
        try durableWrite("{\"prompt\":\"a fox\",\"chosen\":\" runs\",\"rejected\":\" sits\"}\n", to: more)
        func spec(_ paths: String...) -> JobSpec {
            fixture.spec(.dpo) { $0.dataset.train = paths.map { .path($0, sha256: nil) } }
        }
        #expect(try fixture.inspect(fixture.model, spec: spec(fixture.pairs, more, more)).estimate?.rows == 10)
        #expect(try fixture.inspect([more, fixture.pairs], spec: spec(more, more, more)).estimate?.rows == 9)
        #expect(try fixture.inspect(more, spec: spec(fixture.pairs, fixture.pairs)).estimate?.rows == 1)
        try durableWrite("{\"prompt\":\"a fox\"}\n", to: more)
        let found = try fixture.inspect(fixture.model, spec: spec(fixture.pairs, more))
        #expect(!found.isUsable)
        #expect(found.messages(.error).contains("\(more):1: field \"chosen\""), "\(found.problems)")
    }

    /// Every context has the same length here, so the products can be counted by hand: gmsa.md's cost model, with
    /// attention.
    @Test(arguments: [false, true]) func ofACompressor(recompute: Bool) throws {
        let fixture = try InspectionFixture()
        var settings = GMSAAutoencoderObjective()
        settings.encoder.layers = 2
        settings.encoder.loraRank = 2
        settings.rates.train = [4]
        let spec = fixture.spec(.gmsaAutoencoder) {
            $0.objective = .gmsaAutoencoder(settings)
            $0.dataset.maxLength = 8
            $0.train.recompute = recompute
        }
        let tokenizer = try ModelFolder(fixture.model).tokenizer()
        let text = String(repeating: "q", count: 8)
        try #require(tokenizer.encode(text, addSpecialTokens: false).count == 8)
        try durableWrite((0..<6).map { _ in "{\"text\":\"\(text)\"}\n" }.joined(), to: fixture.texts)
        let found = try fixture.inspect(fixture.model, spec: spec)
        let time = try #require(found.estimate?.time, "\(found.problems)")
        let prompt = tokenizer.encode(settings.ae.text, addSpecialTokens: false).count
        let layer = 16 * 16 + 2 * 8 * 16 + 16 * 16 + 3 * 16 * 24
        let adapters = 2 * (2 * 32 + 2 * 24 + 3 * 40)
        /// Multiplications and additions of a pass: every matrix, and queries times keys and weights times values.
        func pass(_ rows: Int, _ layers: Int) -> Int {
            2 * rows * layers * layer + 2 * 2 * 16 * layers * rows * rows / 2
        }
        let again = recompute ? 1 : 0
        let encoder = pass(8, 2) * (2 + again) + 2 * 8 * 2 * adapters * (3 + again)
        let alignment = pass(2, 1) * (3 + again)
        let decoder = pass(2 + prompt + 9, 3) * (2 + again) + 2 * 2 * 9 * fixture.vocabularySize * 16
        let perRow = encoder + alignment + decoder
        #expect(time.operationsPerStep == Double(4 * perRow))
        #expect(time.tokensPerStep == Double(4 * (8 + 2 + 2 + prompt + 9)))
        #expect(time.seconds > 0)
        let notes = try #require(found.estimate).notes
        #expect(notes.contains("dataset.train: examples kept: 6; lengths of contexts mean 8, longest 8 (≤8: 6)"))
        #expect(
            notes.contains {
                $0.contains("the first example:\ncontext, compressed, 8 tokens:\nqqqqqqqq\n")
                    && $0.contains("\nprompt, no loss, \(prompt) tokens:\n\(settings.ae.text)\n")
                    && $0.contains("\nanswer, trained, 9 tokens:\nqqqqqqqq")
            }, "\(notes)")
    }

    @Test func ofQuestions() throws {
        let questions = try QuestionEstimates()
        let plain = try questions.time { objective, _ in objective.rates.train = [2] }
        let full = try questions.time { objective, _ in (objective.rates.train, objective.stage2.train) = ([2], .full) }
        let higher = try questions.time { objective, _ in objective.rates.train = [4] }
        #expect(higher.operationsPerStep < plain.operationsPerStep && plain.operationsPerStep < full.operationsPerStep)
        let both = try questions.time { objective, _ in
            (objective.rates.train, objective.rates.sampling) = ([2, 4], .all)
        }
        #expect(both.operationsPerStep == plain.operationsPerStep + higher.operationsPerStep)
        #expect(plain.how.contains("every context compressed"))
    }

    /// Every context has the same length, so what compressing it costs can be counted by hand: once for each rate that
    /// it meets. Two steps meet 8 of the 8 rows, four meet each twice.
    @Test(
        arguments: [
            ([2], .fixed, 2, 8.0), ([2], .sample, 4, 8), ([2, 4], .all, 2, 16), ([2, 4], .all, 4, 16),
            ([2, 4], .sample, 2, 8), ([2, 4], .sample, 4, 16),
        ] as [([Int], GMSARateSettings.Sampling, Int, Double)])
    func everyContextIsCompressedOnce(
        rates: [Int], sampling: GMSARateSettings.Sampling, steps: Int, compressed: Double
    ) throws {
        let questions = try QuestionEstimates()
        let time = try questions.time { objective, spec in
            (objective.rates.train, objective.rates.sampling) = (rates, sampling)
            spec.train.steps = steps
        }
        let layer = 16 * 16 + 2 * 8 * 16 + 16 * 16 + 3 * 16 * 24
        let adapters = 2 * (2 * 32 + 2 * 24 + 3 * 40)
        func pass(_ rows: Double, _ layers: Double) -> Double {
            2 * rows * layers * Double(layer) + 2 * 2 * 16 * layers * rows * rows / 2
        }
        let length = Double(questions.contextLength)
        let perRate = rates.map { rate in
            pass(length, 2) + 2 * length * 2 * Double(adapters) + pass((length / Double(rate)).rounded(.up), 1)
        }
        let expected = compressed * perRate.reduce(0, +) / Double(rates.count)
        let found = time.seconds * time.operationsPerSecond - time.operationsPerStep * Double(steps)
        #expect(abs(found - expected) < 1e-6 * expected)
    }

    /// Whether an input that another job makes is named where the estimate would be of another job without it.
    @Test func ofAJobAfterAnother() throws {
        let questions = try QuestionEstimates()
        let fixture = questions.fixture
        func error(_ path: String, _ spec: JobSpec) throws -> String {
            try fixture.inspect(path, spec: spec).messages(.error)
        }
        let other = InputReference.artifact(of: .name("first"), artifact: nil)
        let finetune = questions.spec { _, spec in spec.compressor = other }
        #expect(try error(fixture.model, finetune).contains("compressor: it comes from another job; write the folder"))
        #expect(try error(questions.path, finetune).contains("compressor: it comes from another job"))
        let compressor = try fixture.artifacts(
            fixture.spec(.gmsaAutoencoder) { spec in
                var objective = GMSAAutoencoderObjective()
                (objective.encoder.layers, objective.encoder.loraRank) = (1, 2)
                spec.objective = .gmsaAutoencoder(objective)
            })
        let examined = try fixture.inspect(compressor, model: fixture.model, spec: finetune)
        #expect(examined.isUsable && examined.estimate?.rows == 8, "\(examined.problems)")

        let evaluated = fixture.spec(.dpo) { $0.dataset.eval = [other] }
        #expect(try error(fixture.pairs, evaluated).contains("dataset.eval: it comes from another job"))
        let trained = fixture.spec(.dpo) { $0.dataset.train = [.path(fixture.pairs, sha256: nil), other] }
        #expect(try error(fixture.model, trained).contains("dataset.train[1]: it comes from another job"))
        #expect(try fixture.inspect(fixture.pairs, spec: trained).estimate?.rows == 8)
    }

    /// A new model with a tokenizer that is there has rows to count; where the tokenizer is trained first, nothing is
    /// known of them yet.
    @Test func ofANewModel() throws {
        let fixture = try InspectionFixture()
        func estimate(_ tokenizer: TokenizerSource) throws -> RunEstimate? {
            let spec = fixture.spec(.pretrain) { spec in
                var (objective, shape) = (PretrainObjective(), ArchitectureSettings())
                (shape.hiddenSize, shape.intermediateSize, shape.layers, shape.context) = (16, 24, 2, 64)
                (shape.heads, shape.keyValueHeads, shape.headDimension) = (2, 2, 8)
                (objective.architecture, objective.tokenizer) = (shape, tokenizer)
                spec.objective = .pretrain(objective)
                spec.model = nil
            }
            return try fixture.inspect(fixture.texts, spec: spec).estimate
        }
        let known = try #require(try estimate(.path(.path(fixture.model, sha256: nil))))
        #expect(known.rows == 6 && (known.time?.seconds ?? 0) > 0 && known.plan.steps == 2)
        let unknown = try #require(try estimate(.train(vocabularySize: 270)))
        #expect(unknown.time == nil && unknown.plan.memory > 0 && unknown.notes[0].contains("no time"))
    }

    @Test func operationsGrowWithTheWork() throws {
        let fixture = try InspectionFixture()
        func operations(_ change: (inout JobSpec) -> Void) throws -> Double {
            let spec = fixture.spec(.dpo, change)
            let estimate = try fixture.inspect(fixture.model, spec: spec).estimate
            return try #require(estimate?.time).operationsPerStep
        }
        let plain = try operations { _ in }
        let longer = try operations { $0.train.accumulation = 4 }
        let again = try operations { $0.train.recompute = true }
        let adapted = try operations { $0.adapter = InspectionFixture.adapter }
        #expect(longer == 2 * plain)
        #expect(abs(again - plain * 4 / 3) < 1e-6 * plain)
        // No backward pass for the weights, and a reference that runs beside the policy.
        #expect(adapted == plain)
    }
}

/// Estimates of fine-tuning on questions, each behind a context of the same length.
private struct QuestionEstimates {
    let fixture: InspectionFixture
    let path: String
    /// Tokens.
    let contextLength: Int

    init() throws {
        fixture = try InspectionFixture()
        let contexts = (0..<8).map { "a b c d e \($0)" }
        path = try fixture.scratch.write(
            "questions.jsonl",
            contexts.map { "{\"input\":\"\($0)\",\"prompt\":\" b\",\"answer\":\" c\"}\n" }.joined())
        let tokenizer = try ModelFolder(fixture.model).tokenizer()
        let lengths = Set(contexts.map { tokenizer.encode($0, addSpecialTokens: false).count })
        contextLength = try #require(lengths.first)
        try #require(lengths.count == 1)
    }

    func spec(_ change: (inout GMSAFinetuneObjective, inout JobSpec) -> Void) -> JobSpec {
        fixture.spec(.gmsaFinetune) { spec in
            var objective = GMSAFinetuneObjective()
            objective.encoder.layers = 2
            objective.encoder.loraRank = 2
            spec.dataset.train = [.path(path, sha256: nil)]
            spec.dataset.columns.text = "input"
            spec.dataset.columns.response = "answer"
            change(&objective, &spec)
            spec.objective = .gmsaFinetune(objective)
        }
    }

    func time(_ change: (inout GMSAFinetuneObjective, inout JobSpec) -> Void) throws -> TimeEstimate {
        let found = try fixture.inspect(fixture.model, spec: spec(change))
        return try #require(found.estimate?.time, "\(found.problems)")
    }
}
