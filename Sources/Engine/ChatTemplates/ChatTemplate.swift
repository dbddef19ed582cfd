package import Foundation

/// A conversation rendered to text.
package struct RenderedChat: Sendable, Equatable {
    /// The text that a tokenizer encodes, without adding special tokens again.
    package let text: String
    /// Ranges of UTF-8 bytes that the template marks with `{% generation %}` as written by the assistant.
    package let assistantRanges: [Range<Int>]
}

/// A chat template: the part of Jinja that such templates use, with the settings that transformers gives them.
///
/// White space follows `trim_blocks` and `lstrip_blocks`; `raise_exception`, `strftime_now`, `tojson`, loop controls
/// and `{% generation %}` behave as in transformers. What is not implemented is an error that names it and its line.
/// Rendering is bounded in steps, depth and output, whatever the template does.
package struct ChatTemplate: Sendable {
    private let statements: [Statement]

    /// Reads a template.
    package init(_ source: String) throws(ChatTemplateError) {
        var parser = try StatementParser(TemplateLexer.pieces(of: source))
        statements = try parser.template()
    }

    /// Renders a conversation.
    ///
    /// - Parameters:
    ///   - messages: A list of mappings with `role` and `content`.
    ///   - tools: A list of function descriptions; nil leaves the variable undefined's equal, `none`.
    ///   - addGenerationPrompt: Whether the text ends with the beginning of an answer.
    ///   - variables: Everything else the template may ask for, such as `bos_token`.
    ///   - now: What `strftime_now` shows, in the local time zone.
    package func render(
        messages: ChatValue, tools: ChatValue = .null, addGenerationPrompt: Bool, variables: [ChatValue.Member] = [],
        now: Date = Date()
    ) throws(ChatTemplateError) -> RenderedChat {
        let given: [ChatValue.Member] = [
            .init("messages", messages), .init("tools", tools), .init("documents", .null),
            .init("add_generation_prompt", .boolean(addGenerationPrompt)),
        ]
        return try render(given + variables, now: now)
    }

    /// Renders with exactly the given variables; later ones win.
    package func render(_ variables: [ChatValue.Member], now: Date = Date()) throws(ChatTemplateError) -> RenderedChat {
        let globals = Scope(parent: nil)
        for name in Functions.names { globals.values[name] = .function(name) }
        for variable in variables { globals.values[variable.key] = Value(variable.value) }
        let interpreter = Interpreter(now: now)
        return try interpreter.render(statements, in: Scope(parent: globals))
    }
}
