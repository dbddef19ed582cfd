/// Turns the content of rows into the texts that are tokenized: plain text as it is, messages through a chat template.
package struct PromptRenderer: Sendable {
    /// Renders a conversation; with `addsGenerationPrompt` it ends where the assistant would begin to write.
    package typealias ChatTemplate =
        @Sendable (_ messages: [ChatMessage], _ addsGenerationPrompt: Bool) throws -> String

    /// The chat template of the model; nil if it has none, and then rows must be plain text.
    package let chatTemplate: ChatTemplate?

    /// A renderer for a model with or without a chat template.
    package init(chatTemplate: ChatTemplate? = nil) {
        self.chatTemplate = chatTemplate
    }

    /// The texts of a preference row. A conversation without a prompt has the messages that both sides share as one.
    func render(_ row: PreferenceRow) throws(RowProblem) -> RenderedPrompt {
        switch (row.prompt, row.chosen, row.rejected) {
        case (.none, .text(let chosen), .text(let rejected)):
            return RenderedPrompt(prompt: nil, responses: [chosen, rejected], isTemplated: false)
        case (.text(let prompt), .text(let chosen), .text(let rejected)):
            return RenderedPrompt(prompt: prompt, responses: [chosen, rejected], isTemplated: false)
        case (.messages(let prompt), .messages(let chosen), .messages(let rejected)):
            return try renderConversation(prompt, [chosen, rejected])
        case (.none, .messages(let chosen), .messages(let rejected)):
            let shared = zip(chosen, rejected).prefix { $0 == $1 }.count
            let prompt = Array(chosen.prefix(shared))
            return try renderConversation(prompt, [chosen, rejected].map { Array($0.dropFirst(shared)) })
        default:
            throw RowProblem(
                found: "strings beside lists of messages", expected: "prompt, chosen and rejected of one kind")
        }
    }

    /// The texts of a completion row; nil as prompt where all of the text is trained.
    func render(_ row: CompletionRow) throws(RowProblem) -> RenderedPrompt {
        switch row {
        case .text(let text):
            return RenderedPrompt(prompt: nil, responses: [text], isTemplated: false)
        case .completion(.text(let prompt), .text(let completion)):
            return RenderedPrompt(prompt: prompt, responses: [completion], isTemplated: false)
        case .completion(.messages(let prompt), .messages(let completion)):
            return try renderConversation(prompt, [completion])
        case .messages(let messages):
            guard messages.last?.role == "assistant" else {
                throw RowProblem(
                    found: "a conversation that ends with \(messages.last?.role ?? "nothing")",
                    expected: "an assistant message at its end, which is what is trained")
            }
            return try renderConversation(Array(messages.dropLast()), [Array(messages.suffix(1))])
        case .completion:
            throw RowProblem(
                found: "a string beside a list of messages", expected: "prompt and completion of one kind")
        }
    }

    /// Responses are what a whole conversation has beyond the rendered prompt. Templates that render a prompt
    /// differently once an answer follows end the prompt where all renderings part.
    private func renderConversation(
        _ prompt: [ChatMessage], _ responses: [[ChatMessage]]
    ) throws(RowProblem) -> RenderedPrompt {
        let opened = try apply(prompt, addsGenerationPrompt: true)
        var wholes: [String] = []
        for response in responses { wholes.append(try apply(prompt + response, addsGenerationPrompt: false)) }
        let shared = wholes.reduce(opened.unicodeScalars.count) { min($0, opened.sharedScalars(with: $1)) }
        return RenderedPrompt(
            prompt: String(String.UnicodeScalarView(opened.unicodeScalars.prefix(shared))),
            responses: wholes.map { String(String.UnicodeScalarView($0.unicodeScalars.dropFirst(shared))) },
            isTemplated: true)
    }

    private func apply(_ messages: [ChatMessage], addsGenerationPrompt: Bool) throws(RowProblem) -> String {
        guard let chatTemplate else {
            throw RowProblem(
                found: "a list of messages", expected: "plain text, since the model has no chat template",
                advice: "use a model whose tokenizer_config.json has a chat_template, or write the rows as text")
        }
        do {
            return try chatTemplate(messages, addsGenerationPrompt)
        } catch {
            throw RowProblem(found: "messages that the chat template refuses (\(error))", expected: "a conversation")
        }
    }
}

extension String {
    fileprivate func sharedScalars(with other: String) -> Int {
        zip(unicodeScalars, other.unicodeScalars).prefix { $0 == $1 }.count
    }
}

/// The texts of a row, ready to be tokenized.
struct RenderedPrompt: Equatable {
    /// What the responses continue; nil where it has to be found as their common beginning, or there is none.
    let prompt: String?
    /// Chosen and rejected, or the one completion.
    let responses: [String]
    /// Whether a chat template wrote the text, special tokens included.
    let isTemplated: Bool
}
