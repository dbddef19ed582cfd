import Foundation
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
}
