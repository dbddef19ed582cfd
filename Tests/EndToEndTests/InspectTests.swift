import Foundation
import JobModel
import Testing

@Suite("hone inspect, as a person types it")
struct InspectTests {
    @Test func aTrainedModelItsDataAndAJob() async throws {
        let shop = try Workshop()
        try shop.drop(SmallJob.pretrain(), as: "lm.yaml")
        #expect(try await shop.settle().status == 0)
        let model = "\(shop.root)/\(shop.run("lm"))/artifacts"
        let pairs = "\(shop.root)/datasets/pairs.jsonl"
        try shop.write(
            "name: x\nmethod: dpo\nmodel: \(model)\ndataset: {train: \(pairs)}\ntrain: {steps: 3}\n",
            to: "datasets/x.yaml")
        let table = try await run(
            Programs.command, ["inspect", model, "--spec", "\(shop.root)/datasets/x.yaml"])
        #expect(table.process.terminationStatus == 0, "\(table.standardError)\(table.standardOutput)")
        for word in ["LlamaForCausalLM", "model.layers.*.mlp.up_proj.weight", "trained parameters", "at least"] {
            #expect(table.standardOutput.contains(word), "\(table.standardOutput)")
        }
        let json = try await run(Programs.command, ["inspect", pairs, "--model", model, "--json"])
        #expect(json.process.terminationStatus == 0, "\(json.standardError)")
        let object = try JSONSerialization.jsonObject(with: Data(json.standardOutput.utf8)) as? [String: Any]
        #expect(object?["kind"] as? String == "dataset")

        try shop.write("{}", to: "models/config.json")
        let broken = try await run(Programs.command, ["inspect", "\(shop.root)/models"])
        #expect(broken.process.terminationStatus == 5 && broken.standardOutput.contains("error: "))
        let nothing = try await run(Programs.command, ["inspect", "\(shop.root)/absent"])
        #expect(nothing.process.terminationStatus == 2 && nothing.standardError.contains("no such file"))
    }

    /// Files of rows in a list, in a folder and in the specification.
    @Test func severalFilesOfRows() async throws {
        let shop = try Workshop()
        try shop.drop(SmallJob.pretrain(), as: "lm.yaml")
        #expect(try await shop.settle().status == 0)
        let (model, folder) = ("\(shop.root)/\(shop.run("lm"))/artifacts", "\(shop.root)/datasets/parts")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try shop.write(SmallText.pairs(count: 5), to: "datasets/parts/1.jsonl")
        try shop.write(SmallText.pairs(count: 7, from: 5), to: "datasets/parts/2.jsonl")
        struct Found: Decodable {
            struct Estimate: Decodable { let rows: Int }
            let kind: String
            let estimate: Estimate
        }
        let spec = "\(shop.root)/datasets/job.yaml"
        try shop.write(
            "name: x\nmethod: dpo\nmodel: \(model)\ndataset: {train: [parts/2.jsonl, pairs-eval.jsonl, parts/1.jsonl]}\n",
            to: "datasets/job.yaml")
        let files = ["\(folder)/1.jsonl", "\(folder)/2.jsonl"]
        for (paths, kind, rows) in [([model], "checkpoint", 20), (files, "dataset", 12), ([folder], "dataset", 12)] {
            let program = try await run(Programs.command, ["inspect", "--spec", spec, "--json"] + paths)
            #expect(program.process.terminationStatus == 0, "\(program.standardError)\(program.standardOutput)")
            let found = try JSONCoding.decode(Found.self, from: Array(program.standardOutput.utf8))
            #expect(found.kind == kind && found.estimate.rows == rows, "\(paths)")
        }
        let table = try await run(Programs.command, ["inspect"] + files)
        #expect(table.standardOutput.contains("\(files[1]): 7 rows"), "\(table.standardOutput)")
        let mixed = try await run(Programs.command, ["inspect"] + files + [model])
        #expect(mixed.process.terminationStatus == 2 && mixed.standardError.contains("a checkpoint among several"))
    }
}
