import DurableFiles
import Foundation
import JobModel
import TestFolders
import Testing
import Tokenization
import Training

@Suite("Inspection: what lies at a path")
struct InspectionTests {
    @Test(arguments: [true, false]) func checkpoint(tied: Bool) throws {
        let fixture = try InspectionFixture(tied: tied)
        let found = try fixture.inspect(fixture.model)
        #expect(found.kind == .checkpoint && found.isUsable, "\(found.problems)")
        let expected = fixture.parameterCount(tied: tied)
        let counted = found.parameters.reduce(0) { $0 + $1.parameters }
        #expect(counted == expected)
        #expect(found.fact("training", "full") == .number(expected))
        #expect(found.fact("weights", "size") == .bytes(4 * expected))
        #expect(found.parameters.contains { $0.isTied } == tied)
        let queries = try #require(found.parameters.first { $0.name == "model.layers.*.self_attn.q_proj.weight" })
        #expect(queries.tensors == 3 && queries.shape == [16, 16] && queries.type == "F32")
        #expect(found.messages(.warning).contains("no chat template"))
    }

    @Test func everyProblemOfACheckpointIsReportedAtOnce() throws {
        let fixture = try InspectionFixture()
        try fixture.rewriteWeights { tensors in
            tensors.removeAll { $0.name == "model.layers.1.mlp.up_proj.weight" }
            tensors.append(("stowaway", [2], [1, 2]))
            let norm = tensors.firstIndex { $0.name == "model.norm.weight" }
            if let norm { tensors[norm] = ("model.norm.weight", [8], Array(repeating: 1, count: 8)) }
        }
        let found = try fixture.inspect(fixture.model)
        let errors = found.messages(.error)
        #expect(!found.isUsable)
        #expect(errors.contains("model.layers.1.mlp.up_proj.weight") && errors.contains("missing"), "\(errors)")
        #expect(errors.contains("stowaway belongs to no part"), "\(errors)")
        #expect(errors.contains("model.norm.weight has shape [8], expected [16]"), "\(errors)")
    }

    @Test func architectureThatIsNotSupported() throws {
        let fixture = try InspectionFixture()
        try fixture.change(fixture.model + "/config.json", "LlamaForCausalLM", "MambaForCausalLM")
        let found = try fixture.inspect(fixture.model)
        #expect(!found.isUsable)
        #expect(found.messages(.error).contains("MambaForCausalLM is not supported; supported are LlamaForCausalLM"))
        #expect(!found.parameters.isEmpty, "the weights are described all the same")
    }

    @Test func tokenizerOfAnotherModel() throws {
        let fixture = try InspectionFixture()
        let ids = fixture.vocabularySize
        try fixture.change(fixture.model + "/config.json", "\"vocab_size\": \(ids)", "\"vocab_size\": 200")
        let found = try fixture.inspect(fixture.model)
        let errors = found.messages(.error)
        #expect(errors.contains("the tokenizer has \(ids) ids and the embedding 200 rows"), "\(errors)")
    }

    @Test func picklesAreRefusedWithTheWayToConvert() throws {
        let fixture = try InspectionFixture()
        try removeTree(fixture.model + "/model.safetensors")
        try durableWrite("\u{80}\u{2}pickle pickle", to: fixture.model + "/pytorch_model.bin")
        let found = try fixture.inspect(fixture.model)
        #expect(!found.isUsable && found.messages(.error).contains("torch.load"))
        let file = try fixture.inspect(fixture.model + "/pytorch_model.bin")
        #expect(file.kind == .weights && file.messages(.error).contains("a pickle"))
    }

    @Test func truncatedWeights() throws {
        let fixture = try InspectionFixture()
        let file = fixture.model + "/model.safetensors"
        let bytes = try readFile(file, limit: 1 << 30)
        try Data(bytes.dropLast(100)).write(to: URL(filePath: file))
        let found = try fixture.inspect(fixture.model)
        #expect(!found.isUsable && found.messages(.error).contains("model.safetensors"))
    }

    @Test func adapterWithItsBaseAndWithAnother() throws {
        let fixture = try InspectionFixture()
        let path = try fixture.artifacts(fixture.spec(.dpo) { $0.adapter = InspectionFixture.adapter })
        let found = try fixture.inspect(path, model: fixture.model)
        #expect(found.kind == .adapter && found.isUsable, "\(found.problems)")
        #expect(found.fact("adapter", "rank") == .number(2))
        #expect(found.parameters.reduce(0) { $0 + $1.parameters } == InspectionFixture.adapterCount)
        let other = try InspectionFixture()
        try other.change(other.model + "/config.json", "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 2")
        #expect(try fixture.inspect(path, model: other.model).messages(.error).contains("layers.2"))
        try removeTree(path + "/adapter_model.safetensors")
        try durableWrite("\u{80}\u{2}pickle pickle", to: path + "/adapter_model.bin")
        #expect(try fixture.inspect(path, model: fixture.model).messages(.error).contains("a pickle"))
    }

    @Test func tokenizerAloneBrokenAndAbsent() throws {
        let fixture = try InspectionFixture()
        let file = try fixture.inspect(fixture.model + "/tokenizer.json")
        #expect(file.kind == .tokenizer && file.isUsable)
        #expect(file.fact("tokenizer", "ids") == .number(fixture.vocabularySize))
        let folder = fixture.scratch.path + "/words"
        try makeDirectory(folder)
        try durableWrite("{\"model\": {\"type\": \"BPE\", ", to: folder + "/tokenizer.json")
        let broken = try fixture.inspect(folder)
        #expect(broken.kind == .tokenizer && broken.messages(.error).contains("line 1"), "\(broken.problems)")
        try removeTree(folder + "/tokenizer.json")
        try durableWrite("x", to: folder + "/tokenizer.model")
        #expect(try fixture.inspect(folder).messages(.error).contains("save_pretrained"))
    }

    @Test func datasetRowsThatCannotBeUsedAreNamed() throws {
        let fixture = try InspectionFixture()
        let rows = [
            "{\"prompt\":\"a\",\"chosen\":\"b\",\"rejected\":\"c\"}", "{\"prompt\":\"a\",\"chosen\":\"b\"}", "not json",
            "{\"prompt\":\"a\",\"chosen\":\"\",\"rejected\":\"c\"}",
            "{\"prompt\":\"a\",\"chosen\":\"b\",\"rejected\":\"b\"}",
        ]
        let path = fixture.scratch.path + "/rows.jsonl"
        try durableWrite(rows.joined(separator: "\n") + "\n", to: path)
        let found = try fixture.inspect(path)
        #expect(found.kind == .dataset && !found.isUsable)
        #expect(found.fact("dataset", "rows") == .number(5))
        let (errors, warnings) = (found.messages(.error), found.messages(.warning))
        #expect(errors.contains("rows.jsonl:2:") && errors.contains("rows.jsonl:3:"), "\(errors)")
        #expect(warnings.contains("1 rows with an empty response, the first at \(path):4"), "\(warnings)")
        #expect(warnings.contains("1 pairs of identical responses, the first at \(path):5"), "\(warnings)")
    }

    @Test func severalFilesAreOneDataset() throws {
        let fixture = try InspectionFixture()
        let folder = fixture.scratch.path + "/parts"
        try makeDirectory(folder)
        let good = "{\"prompt\":\"a fox\",\"chosen\":\" runs\",\"rejected\":\" sits\"}\n"
        try durableWrite(good + "\n{\"prompt\":\"a\"}\n", to: folder + "/1.jsonl")
        try durableWrite("prompt,chosen,rejected\na fox,runs,sits\n", to: folder + "/2.csv")
        let list = try fixture.inspect([fixture.pairs, folder + "/2.csv"], model: fixture.model)
        #expect(list.kind == .dataset && list.isUsable, "\(list.problems)")
        #expect(list.fact("dataset", "rows") == .number(9))
        #expect(list.fact("dataset", "files") == .list(["\(fixture.pairs): 8 rows", "\(folder)/2.csv: 1 rows"]))
        let whole = try fixture.inspect(folder)
        #expect(!whole.isUsable && whole.messages(.error).contains("\(folder)/1.jsonl:3: field \"chosen\""))
        #expect(try fixture.inspect(fixture.pairs).fact("dataset", "files") == nil)
        for (path, found) in [(fixture.model, "a checkpoint among several"), (folder + "/none.jsonl", "no such file")] {
            let error = #expect(throws: InspectionError.self) { try fixture.inspect([fixture.pairs, path]) }
            #expect(error?.path == path && error?.found.contains(found) == true)
        }
    }

    @Test func datasetInTokensOfAModel() throws {
        let fixture = try InspectionFixture()
        let found = try fixture.inspect(fixture.pairs, model: fixture.model)
        #expect(found.isUsable, "\(found.problems)")
        guard case .list(let lines)? = found.fact("tokens", "rows") else {
            Issue.record("no lengths: \(found.sections)")
            return
        }
        #expect(lines[0].hasPrefix("examples kept: 8; lengths mean"))
    }

    @Test(arguments: ["rows.parquet", "rows.xyz", "nothing"]) func whatHoneDoesNotRead(name: String) throws {
        let fixture = try InspectionFixture()
        let path = fixture.scratch.path + "/" + name
        if name != "nothing" { try durableWrite("PAR1", to: path) }
        if name.hasSuffix("parquet") {
            #expect(try fixture.inspect(path).messages(.error).contains("DuckDB"))
        } else {
            #expect(throws: InspectionError.self) { try fixture.inspect(path) }
        }
    }

    @Test func gmsaArtifactsWithTheirBaseAndAnother() throws {
        let fixture = try InspectionFixture()
        let spec = fixture.spec(.gmsaAutoencoder) { spec in
            var objective = GMSAAutoencoderObjective()
            objective.encoder.layers = 2
            objective.encoder.loraRank = 2
            objective.rates.train = [2]
            spec.objective = .gmsaAutoencoder(objective)
        }
        let path = try fixture.artifacts(spec)
        let found = try fixture.inspect(path, model: fixture.model)
        #expect(found.kind == .compressor && found.isUsable, "\(found.problems)")
        #expect(found.fact("compressor", "encoder_layers") == .number(2))
        #expect(found.parameters.contains { $0.name.contains("lora_A") })
        let other = try InspectionFixture(tied: false)
        #expect(try fixture.inspect(path, model: other.model).messages(.error).contains("another model"))
        try durableWrite("{\"format\": \"gmsa\"}", to: path + "/gmsa.json")
        #expect(!(try fixture.inspect(path, model: fixture.model)).isUsable)
    }
}

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
        #expect(!found.isUsable && found.messages(.error).contains("\(more):1: field \"chosen\""), "\(found.problems)")
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
        func pass(_ rows: Int, _ layers: Int) -> Int { 2 * rows * layers * layer + 2 * 2 * 16 * layers * rows * rows / 2 }
        let again = recompute ? 1 : 0
        let encoder = pass(8, 2) * (2 + again) + 2 * 8 * 2 * adapters * (3 + again)
        let alignment = pass(2, 1) * (3 + again)
        let decoder = pass(2 + prompt + 9, 3) * (2 + again) + 2 * 2 * 9 * fixture.vocabularySize * 16
        let perRow = encoder + alignment + decoder
        #expect(time.operationsPerStep == Double(4 * perRow))
        #expect(time.tokensPerStep == Double(4 * (8 + 2 + 2 + prompt + 9)))
        #expect(time.seconds > 0)
    }

    @Test func ofQuestions() throws {
        let fixture = try InspectionFixture()
        let questions = fixture.scratch.path + "/questions.jsonl"
        try durableWrite(
            (0..<8).map { "{\"input\":\"a b c d e \($0)\",\"prompt\":\" b\",\"answer\":\" c\"}\n" }.joined(), to: questions)
        func time(_ change: (inout GMSAFinetuneObjective, inout JobSpec) -> Void) throws -> TimeEstimate {
            let spec = fixture.spec(.gmsaFinetune) { spec in
                var objective = GMSAFinetuneObjective()
                objective.encoder.layers = 2
                objective.encoder.loraRank = 2
                spec.dataset.train = [.path(questions, sha256: nil)]
                spec.dataset.columns.text = "input"
                spec.dataset.columns.response = "answer"
                change(&objective, &spec)
                spec.objective = .gmsaFinetune(objective)
            }
            let found = try fixture.inspect(fixture.model, spec: spec)
            return try #require(found.estimate?.time, "\(found.problems)")
        }
        let plain = try time { objective, _ in objective.rates.train = [2] }
        let full = try time { objective, _ in (objective.rates.train, objective.stage2.train) = ([2], .full) }
        let higher = try time { objective, _ in objective.rates.train = [4] }
        #expect(higher.operationsPerStep < plain.operationsPerStep && plain.operationsPerStep < full.operationsPerStep)
        let both = try time { objective, _ in (objective.rates.train, objective.rates.sampling) = ([2, 4], .all) }
        #expect(both.operationsPerStep == plain.operationsPerStep + higher.operationsPerStep)
        #expect(plain.how.contains("every context compressed"))
    }

    /// A new model with a tokenizer that is there has rows to count; where the tokenizer is trained first, nothing is known
    /// of them yet.
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
