import ArgumentParser
import Compute
import Datasets
import Foundation
import JobModel
import Tokenization
import Transformer

/// `hone generate`: a model continues a text.
struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Continue a text, or answer a message.",
        usage: "hone generate --model DIR [--adapter DIR] [--chat] --prompt TEXT [OPTIONS]",
        discussion: """
              hone generate --model runs/7-smol/artifacts --prompt "Once upon a time"
              hone generate --model base --adapter runs/8-lora/artifacts --prompt "Hello" --temperature 0.8 --top-p 0.95
              hone generate --model qwen2.5-0.5b-instruct --chat --system "Be brief." --prompt "Why is the sky blue?"
            """)

    @OptionGroup var model: ModelOptions

    @Option(help: ArgumentHelp("The text to continue.", valueName: "text"))
    var prompt: String

    @Flag(help: "The prompt is a message, and the model's chat template makes a conversation of it.")
    var chat = false

    @Option(help: ArgumentHelp("What the system message of a chat says.", valueName: "text"))
    var system: String?

    @Option(help: ArgumentHelp("Most tokens to write.", valueName: "n"))
    var maxNew = 128

    @OptionGroup var sampling: SamplingOptions

    @Flag(help: "Print one JSON object with prompt_ids, ids and text.")
    var json = false

    func validate() throws {
        guard maxNew > 0 else { throw ValidationError("--max-new: expected at least 1, found \(maxNew)") }
        if system != nil, !chat { throw ValidationError("--system: only a chat has one; add --chat") }
    }

    func run() throws {
        let opened = try model.open()
        let request = try request(opened)
        let bytes = try opened.model.generationByteCount(request, team: opened.team)
        let context = Context(arena: try Arena(byteCount: bytes), team: opened.team, gradients: [])
        var decoder = StreamingDecoder(opened.tokenizer, skipSpecialTokens: true)
        let responses = try opened.model.generate(request, Pass(), context) { _, token in
            if !json { say(decoder.append(token)) }
        }
        if json {
            try printAnswer(request, responses[0], opened.tokenizer)
        } else {
            say(decoder.finish() + "\n")
        }
    }

    private func request(_ opened: OpenModel) throws -> GenerationRequest {
        let ids = try promptTokens(opened)
        let start = opened.tokenizer.bosID ?? opened.tokenizer.eosID
        let prompts = ids.isEmpty ? start.map { [[$0]] } : [ids]
        guard let prompts else {
            throw ValidationError("--prompt: expected at least one token, since this tokenizer has none to begin with")
        }
        guard prompts[0].count < opened.model.contextLength else {
            throw ValidationError(
                "--prompt: it has \(prompts[0].count) tokens, the model reads \(opened.model.contextLength) and needs "
                    + "room to write")
        }
        return GenerationRequest(
            prompts: prompts, maximumNewTokens: maxNew,
            sampling: sampling.settings, stopTokens: opened.tokenizer.stopTokens(of: opened.model))
    }

    private func promptTokens(_ opened: OpenModel) throws -> [Int32] {
        guard chat else { return opened.tokenizer.encode(prompt, addSpecialTokens: true) }
        let messages = (system.map { [ChatMessage(role: "system", content: $0)] } ?? []) + [
            ChatMessage(role: "user", content: prompt)
        ]
        return opened.tokenizer.encode(try opened.renderer.prompt(messages, date: Date()), addSpecialTokens: false)
    }

    private func printAnswer(_ request: GenerationRequest, _ ids: [Int32], _ tokenizer: Tokenizer) throws {
        struct Answer: Encodable {
            let promptIds: [Int32]
            let ids: [Int32]
            let text: String
        }
        let text = tokenizer.decode(ids, skipSpecialTokens: true)
        let line = try JSONCoding.encode(Answer(promptIds: request.prompts[0], ids: ids, text: text))
        say(String(decoding: line, as: UTF8.self) + "\n")
    }
}
