import DurableFiles
import Foundation
import JobModel
import Testing
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
