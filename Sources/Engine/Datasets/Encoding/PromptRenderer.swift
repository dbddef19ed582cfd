import ChatTemplates
package import Foundation
package import Tokenization

/// Turns the content of rows into the texts that are tokenized: plain text as it is, messages through a chat template.
package struct PromptRenderer: Sendable {
    /// The chat template; nil if the model has none, and then rows must be plain text.
    package let template: ConversationTemplate?

    /// Why the model's template cannot be used: nothing that rows of plain text have to care about.
    private let problem: String?

    /// A renderer for a model with or without a chat template.
    package init(template: ConversationTemplate? = nil) {
        self.template = template
        problem = nil
    }

    /// The renderer with the template that a tokenizer's folder brings, if it does.
    package init(of tokenizer: Tokenizer) {
        do {
            template = try ConversationTemplate(of: tokenizer)
            problem = nil
        } catch {
            template = nil
            problem = "\(error)"
        }
    }

    /// What decides about rendered texts, as part of the key of what is computed from them.
    package var fingerprint: String { "template=\(template?.digest ?? "none")" }

    /// The texts of a preference row. A conversation without a prompt has the messages that both sides share as one;
    /// a message is left to each response, as TRL does.
    func render(_ row: PreferenceRow) throws(RowProblem) -> RenderedRow {
        switch (row.prompt, row.chosen, row.rejected) {
        case (.none, .text(let chosen), .text(let rejected)):
            return .plain(prompt: nil, responses: [chosen, rejected])
        case (.text(let prompt), .text(let chosen), .text(let rejected)):
            return .plain(prompt: prompt, responses: [chosen, rejected])
        case (.messages(let prompt), .messages(let chosen), .messages(let rejected)):
            return try render(prompt, [chosen, rejected])
        case (.none, .messages(let chosen), .messages(let rejected)):
            let most = max(min(chosen.count, rejected.count) - 1, 0)
            let shared = min(zip(chosen, rejected).prefix { $0 == $1 }.count, most)
            return try render(
                Array(chosen.prefix(shared)), [chosen, rejected].map { Array($0.dropFirst(shared)) })
        default:
            throw RowProblem(
                found: "strings beside lists of messages", expected: "prompt, chosen and rejected of one kind")
        }
    }

    /// The texts of a row of prompt and completion.
    func render(prompt: RowContent, completion: RowContent) throws(RowProblem) -> RenderedRow {
        switch (prompt, completion) {
        case (.text(let prompt), .text(let completion)): return .plain(prompt: prompt, responses: [completion])
        case (.messages(let prompt), .messages(let completion)): return try render(prompt, [completion])
        default:
            throw RowProblem(
                found: "a string beside a list of messages", expected: "prompt and completion of one kind")
        }
    }

    private func render(_ prompt: [ChatMessage], _ responses: [[ChatMessage]]) throws(RowProblem) -> RenderedRow {
        let opened = try apply(prompt, addsGenerationPrompt: true).text
        var wholes: [String] = []
        for response in responses { wholes.append(try apply(prompt + response, addsGenerationPrompt: false).text) }
        return .templated(prompt: opened, wholes: wholes)
    }

    /// A whole conversation and what of it the assistant wrote: what the template marks with `{% generation %}`, or,
    /// where it marks nothing, what each assistant message adds to the text before it.
    func render(conversation messages: [ChatMessage]) throws(RowProblem) -> RenderedConversation {
        guard messages.contains(where: \.isAssistant) else {
            throw RowProblem(
                found: "a conversation without an assistant message",
                expected: "at least one, which is what is trained")
        }
        let whole = try apply(messages, addsGenerationPrompt: false)
        let marked = whole.assistantRanges
        return RenderedConversation(
            text: whole.text, assistant: try marked.isEmpty ? turns(of: messages, in: whole.text) : marked)
    }

    /// Each assistant message from where the text opened for it ends, to where the text with it ends.
    private func turns(of messages: [ChatMessage], in whole: String) throws(RowProblem) -> [Range<Int>] {
        var turns: [Range<Int>] = []
        for (index, message) in messages.enumerated() where message.isAssistant {
            let opened = try apply(Array(messages[..<index]), addsGenerationPrompt: true).text
            let closed = try apply(Array(messages[...index]), addsGenerationPrompt: false).text
            guard whole.utf8.starts(with: closed.utf8) else {
                throw RowProblem(
                    found: "a chat template that writes message \(index + 1) otherwise once others follow",
                    expected: "a template whose text only grows, or one that marks the assistant's text",
                    advice: "name a template with {% generation %} in dataset.chat_template, or split the conversation "
                        + "into rows of prompt and completion")
            }
            // A template may write nothing for a message, and the next one may begin as this one would have.
            let end = closed.utf8.count
            turns.append(min(zip(opened.utf8, whole.utf8).prefix { $0 == $1 }.count, end)..<end)
        }
        return turns
    }

    /// The text of a conversation up to where the assistant begins to write.
    /// - Parameter date: today, for templates that ask.
    /// - Throws: `DatasetError` for a model without a template, or messages that it refuses.
    package func prompt(_ messages: [ChatMessage], date: Date) throws(DatasetError) -> String {
        guard template != nil else {
            throw DatasetError(
                file: "the conversation",
                found: problem.map { "a model whose chat template cannot be used (\($0))" }
                    ?? "a model without a chat template",
                expected: "one that has a chat template", advice: "name a file of Jinja with --chat-template")
        }
        do {
            return try apply(messages, addsGenerationPrompt: true, date: date).text
        } catch {
            throw error.located(file: "the conversation", line: nil)
        }
    }

    private func apply(
        _ messages: [ChatMessage], addsGenerationPrompt: Bool, date: Date = ConversationTemplate.trainingDate
    ) throws(RowProblem) -> RenderedChat {
        guard let template else {
            throw RowProblem(
                found: "a list of messages",
                expected: problem.map { "plain text, since the model's template cannot be used (\($0))" }
                    ?? "plain text, since the model has no chat template",
                advice: "name a template in dataset.chat_template, use a model whose folder has a chat_template, or "
                    + "write the rows as text")
        }
        do {
            return try template.render(messages, addsGenerationPrompt: addsGenerationPrompt, date: date)
        } catch {
            throw RowProblem(
                found: "messages that cannot be rendered (\(error))",
                expected: "a conversation that the template accepts")
        }
    }
}
