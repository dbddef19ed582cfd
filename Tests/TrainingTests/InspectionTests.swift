import DurableFiles
import Foundation
import JobModel
import TestFolders
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
