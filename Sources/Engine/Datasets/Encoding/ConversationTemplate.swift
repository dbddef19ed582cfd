package import ChatTemplates
import DurableFiles
package import Foundation
package import Tokenization

/// A chat template with the special tokens of the tokenizer that it is used with.
package struct ConversationTemplate: Sendable {
    /// SHA-256 of the template's source and of the tokens it is given; part of the key of what is computed from
    /// rendered rows.
    package let digest: String

    private let template: ChatTemplate
    private let tokens: [ChatValue.Member]

    /// The day that rows are rendered on, 26 July 2024: templates that write today's date would otherwise give other
    /// tokens to a job that is resumed tomorrow. It is the date that such templates fall back to by themselves.
    package static let trainingDate = Date(timeIntervalSince1970: 1_721_995_200)

    /// - Parameter tokens: the special tokens by their name in templates, such as `bos_token`.
    /// - Throws: `ChatTemplateError` for a source that is not a template, or needs what is not implemented here.
    package init(_ source: String, tokens: [(name: String, content: String)] = []) throws(ChatTemplateError) {
        template = try ChatTemplate(source)
        self.tokens = tokens.map { ChatValue.Member($0.name, .string($0.content)) }
        digest = SHA256.hex(of: ([source] + tokens.map { "\($0.name)=\($0.content)" }).joined(separator: "\u{0}"))
    }

    /// The template that a tokenizer's folder brings (`chat_template.jinja`, or `chat_template` in
    /// `tokenizer_config.json`, of several the one named default); nil if it has none.
    package init?(of tokenizer: Tokenizer) throws(ChatTemplateError) {
        guard let source = tokenizer.chatTemplate else { return nil }
        try self.init(source, tokens: tokenizer.templateTokens)
    }

    /// A template from a file of Jinja, for use with a tokenizer whose folder has another, or none.
    package init(file path: String, for tokenizer: Tokenizer) throws {
        let bytes = try readFile(path, limit: 1 << 20)
        guard let source = String(validating: bytes, as: UTF8.self) else {
            throw DatasetError(file: path, found: "bytes that are not UTF-8", expected: "a chat template in Jinja")
        }
        do throws(ChatTemplateError) {
            try self.init(source, tokens: tokenizer.templateTokens)
        } catch {
            throw DatasetError(file: path, line: error.line, found: error.message, expected: "a chat template in Jinja")
        }
    }

    /// Renders a conversation.
    /// - Parameters:
    ///   - addsGenerationPrompt: whether the text ends where the assistant would begin to write.
    ///   - date: today, for templates that ask.
    package func render(
        _ messages: [ChatMessage], addsGenerationPrompt: Bool, date: Date = trainingDate
    ) throws(ChatTemplateError) -> RenderedChat {
        try template.render(
            messages: .list(messages.map(\.value)), addGenerationPrompt: addsGenerationPrompt, variables: tokens,
            now: date)
    }
}

extension Tokenizer {
    /// The special tokens that the configuration names, as templates call them.
    fileprivate var templateTokens: [(name: String, content: String)] {
        let named = [("bos_token", bosID), ("eos_token", eosID), ("pad_token", padID), ("unk_token", unkID)]
        return named.compactMap { name, id in
            id.flatMap { token(of: $0) }.map { (name, String(decoding: $0, as: UTF8.self)) }
        }
    }
}

extension ChatMessage {
    /// The message as templates see it.
    fileprivate var value: ChatValue {
        .mapping([ChatValue.Member("role", .string(role)), ChatValue.Member("content", .string(content))] + more)
    }
}
