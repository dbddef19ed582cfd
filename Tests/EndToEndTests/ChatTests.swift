import DurableFiles
import Foundation
import JobModel
import Testing

/// `hone generate --chat`: a message becomes a conversation by the template of the model, of an adapter, or of a file.
@Suite("Chats")
struct ChatTests {
    private static let template =
        "{% for m in messages %}{% if m.role == 'system' and m.content == 'refuse' %}"
        + "{{ raise_exception('this model takes no such instruction') }}{% endif %}"
        + "<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"

    private struct Answer: Decodable {
        let promptIds: [Int]
        let ids: [Int]
        let text: String
    }

    private let shop: Workshop

    init() throws {
        shop = try Workshop()
        try shop.write(Self.template, to: "models/chat.jinja")
        try shop.drop(SmallJob.pretrain(), as: "lm.yaml")
    }

    private func artifacts(_ name: String) -> String { "\(shop.root)/\(shop.run(name))/artifacts" }

    private func generate(_ arguments: [String]) async throws -> RunningProgram {
        try await run(Programs.command, ["generate", "--max-new", "4", "--json"] + arguments)
    }

    private func answer(_ arguments: [String]) async throws -> Answer {
        let program = try await generate(arguments)
        #expect(program.process.terminationStatus == 0, "\(program.standardError)")
        return try JSONCoding.decode(Answer.self, from: Array(program.standardOutput.utf8))
    }

    /// The ids of a text without special tokens.
    private func ids(_ text: String) async throws -> [Int] {
        let (beginning, whole) = (
            try await answer(["--model", artifacts("lm"), "--prompt", "M"]).promptIds.dropLast(),
            try await answer(["--model", artifacts("lm"), "--prompt", text]).promptIds
        )
        return Array(whole.dropFirst(beginning.count))
    }

    @Test func aMessageBecomesAConversation() async throws {
        let (status, log) = try await shop.settle()
        #expect(status == 0, "\(log)")
        let model = artifacts("lm")
        let file = ["--model", model, "--chat-template", "\(shop.root)/models/chat.jinja", "--chat"]
        let asked = try await answer(file + ["--prompt", "Who has a cake?"])
        #expect(try await asked.promptIds == ids("<user>Who has a cake?<assistant>"))
        #expect((1...4).contains(asked.ids.count))
        let instructed = try await answer(file + ["--system", "Be kind.", "--prompt", "Who?"])
        #expect(try await instructed.promptIds == ids("<system>Be kind.<user>Who?<assistant>"))

        // The template may also be the model's own.
        let own = "\(shop.root)/models/own"
        try FileManager.default.copyItem(atPath: model, toPath: own)
        try shop.write(Self.template.replacing("<assistant>", with: "<me>"), to: "models/own/chat_template.jinja")
        let ofItsOwn = try await answer(["--model", own, "--chat", "--prompt", "Who?"])
        #expect(try await ofItsOwn.promptIds == ids("<user>Who?<me>"))
    }

    @Test func anAdapterBringsItsTemplate() async throws {
        func message(_ role: String, _ text: String) -> String { "{\"role\": \"\(role)\", \"content\": \"\(text)\"}" }
        let rows = ["cake", "kite", "drum", "book"].map { thing in
            "{\"messages\": [\(message("user", "Who has the \(thing)?")), \(message("assistant", "Mia has it."))]}\n"
        }
        try shop.write(rows.joined(), to: "datasets/chats.jsonl")
        try shop.drop(
            """
            name: polite
            method: sft
            model: {job: lm}
            adapter: {rank: 2}
            dataset: {train: chats.jsonl, chat_template: chat.jinja, max_length: 60}
            train: {steps: 2, microbatch: 2, learning_rate: 1e-3}
            """, as: "polite.yaml")
        let (status, log) = try await shop.settle()
        #expect(status == 0, "\(log)")
        let asked = try await answer(
            ["--model", artifacts("lm"), "--adapter", artifacts("polite"), "--chat", "--prompt", "Who has the kite?"])
        #expect(try await asked.promptIds == ids("<user>Who has the kite?<assistant>"))
    }

    @Test func whatCannotBeRenderedIsSaid() async throws {
        let (status, log) = try await shop.settle()
        #expect(status == 0, "\(log)")
        let file = "\(shop.root)/models/chat.jinja"
        try shop.write("{% for m in messages %}", to: "datasets/open.jinja")
        for (arguments, code, words) in [
            (["--chat", "--prompt", "Who?"], 1, "chat template"),
            (["--chat-template", file, "--chat", "--system", "refuse", "--prompt", "Who?"], 1, "takes no such instruction"),
            (["--chat-template", "\(shop.root)/datasets/open.jinja", "--chat", "--prompt", "Who?"], 1, "open.jinja"),
            (["--chat-template", "\(shop.root)/none.jinja", "--chat", "--prompt", "Who?"], 1, "none.jinja"),
            (["--system", "Be kind.", "--prompt", "Who?"], 2, "add --chat"),
        ] as [([String], Int32, String)] {
            let program = try await generate(["--model", artifacts("lm")] + arguments)
            #expect(program.process.terminationStatus == code, "\(arguments): \(program.standardError)")
            #expect(program.standardError.contains(words), "\(arguments): \(program.standardError)")
            #expect(program.standardOutput.isEmpty)
        }
    }
}
