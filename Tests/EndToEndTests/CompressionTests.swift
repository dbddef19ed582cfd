import Foundation
import JobModel
import Testing

/// The example jobs of GMSA, made shorter, through the daemon: a language model, its compressor, its answers.
@Suite struct CompressionTests {
    private static let jobs = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "jobs")

    /// An example with other values for some of its lines.
    private func example(_ name: String, _ changes: [(String, String)]) throws -> String {
        var text = try String(contentsOf: Self.jobs.appending(path: name), encoding: .utf8)
        for (from, to) in changes {
            #expect(text.contains(from), "\(name) has no \(from)")
            text = text.replacing(from, with: to)
        }
        return text
    }

    private let short = [("every_steps: 200, limit: 100", "every_steps: 2, limit: 4")]

    @Test func examplesChain() async throws {
        let shop = try Workshop()
        try shop.write(SmallText.documents(count: 40), to: "datasets/stories.txt")
        try shop.write(SmallText.documents(count: 6), to: "datasets/stories-eval.txt")
        let questions = (0..<8).map {
            "{\"input\": \"Mia has \($0) kites.\", \"prompt\": \" How many?\", \"answer\": \" \($0)\"}\n"
        }.joined()
        for name in ["questions", "questions-eval"] { try shop.write(questions, to: "datasets/\(name).jsonl") }
        try shop.drop(
            example(
                "gmsa-finetune.yaml",
                short + [("steps: 1000", "steps: 4"), ("tokens: 64", "tokens: 12")]), as: "3-answers.yaml")
        try shop.drop(
            example(
                "gmsa-autoencoder.yaml",
                short + [("steps: 2000", "steps: 4"), ("max_length: 64", "max_length: 16"), ("tokens: 64", "tokens: 12")]
            ), as: "2-compressor.yaml")
        try shop.drop(SmallJob.pretrain("storyteller"), as: "1-lm.yaml")
        let (status, log) = try await shop.settle()
        #expect(status == 0, "\(log)")
        let (compressor, answers) = (
            try shop.result("storyteller-compressor"), try shop.result("storyteller-answers")
        )
        #expect(compressor.outcome == .success && compressor.steps == 4)
        #expect(answers.outcome == .success && answers.steps == 4)
        for metric in ["eval_loss@4", "eval_loss@8", "eval_no_memory_loss", "eval_wrong_memory_loss@4", "eval_exact@8"] {
            #expect(compressor.metrics[metric] != nil, "\(metric)")
            #expect(answers.metrics[metric] != nil, "\(metric)")
        }
        let published = shop.run("storyteller-answers") + "/artifacts/"
        for file in ["gmsa.json", "encoder/config.json", "lsa/model.safetensors", "decoder/model.safetensors"] {
            #expect(shop.exists(published + file), "\(file)")
        }
    }
}
