import Foundation
import JobModel
import Testing

@Suite("From a dropped file to a trained model")
struct PipelineTests {
    @Test func pretrainThenAlignWhateverTheOrder() async throws {
        let shop = try Workshop()
        try shop.drop(SmallJob.tiDPO(), as: "2-align.yaml")
        try shop.drop(SmallJob.pretrain(), as: "1-lm.yaml")
        let (status, log) = try await shop.settle()
        #expect(status == 0, "\(log)")
        let result = try shop.result("align")
        #expect(result.outcome == .success && result.steps == 8)
        #expect(result.metrics.keys.contains("eval_rewards/accuracies"))
        let entropy = try #require(result.metrics["eval_entropy"])
        let hits = try #require(result.metrics["eval_mean_token_accuracy"])
        #expect(entropy > 0 && entropy <= Foundation.log(280.0) && (0...1).contains(hits))
        #expect(result.metrics.keys.contains("eval_logits/chosen") && result.metrics.keys.contains("eval_logits/rejected"))
        #expect(Set(result.artifacts.map(\.name)).isSuperset(of: ["model.safetensors", "config.json", "tokenizer.json"]))
        try shop.check(["lm", "align"], equal: ["lm": shop.fingerprint("lm"), "align": shop.fingerprint("align")])
    }

    @Test func theTrainedModelGeneratesAndScores() async throws {
        let shop = try Workshop()
        try shop.drop(SmallJob.pretrain(), as: "lm.yaml")
        #expect(try await shop.settle().status == 0)
        let model = "\(shop.root)/\(shop.run("lm"))/artifacts"
        let generated = try await run(
            Programs.command, ["generate", "--model", model, "--prompt", "Mia has", "--max-new", "5", "--json"])
        #expect(generated.process.terminationStatus == 0, "\(generated.standardError)")
        #expect(generated.standardOutput.contains("\"ids\""))
        let output = "\(shop.root)/scores.jsonl"
        let scored = try await run(
            Programs.command,
            ["score", "--model", model, "--data", "\(shop.root)/datasets/pairs-eval.jsonl", "--output", output])
        #expect(scored.process.terminationStatus == 0, "\(scored.standardError)")
        #expect(try shop.text("scores.jsonl").split(separator: "\n").count == 8)
    }

    @Test func inTheForegroundWithoutADaemon() async throws {
        let shop = try Workshop()
        try shop.write(SmallJob.pretrain(steps: 4), to: "datasets/lm.yaml")
        let arguments = ["run", "\(shop.root)/datasets/lm.yaml", "--output", "\(shop.root)/out"]
        let first = try await run(Programs.command, arguments)
        #expect(first.process.terminationStatus == 0, "\(first.standardError)")
        #expect(shop.exists("out/artifacts/model.safetensors") && shop.exists("out/result.json"))
        let again = try await run(Programs.command, arguments)
        #expect(again.process.terminationStatus == 0 && again.standardOutput.contains("succeeded"))
    }

    @Test(arguments: [["ls", "--nonsense"], ["generate", "--nonsense"], ["run"], ["log", "lm", "--attempt", "first"]])
    func aWrongCommandLineEndsWith2(arguments: [String]) async throws {
        let program = try await run(Programs.command, arguments)
        #expect(program.process.terminationStatus == 2)
        #expect(program.standardError.contains("Usage: "), "\(program.standardError)")
    }
}
