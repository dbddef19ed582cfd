package import ChatTemplates

/// One turn of a conversation.
package struct ChatMessage: Sendable, Equatable {
    /// Who speaks: `system`, `user`, `assistant` or what the chat template knows besides.
    package let role: String
    /// What is said.
    package let content: String
    /// What the message says besides, such as a name: for templates that look at it.
    package let more: [ChatValue.Member]

    /// A message.
    package init(role: String, content: String, more: [ChatValue.Member] = []) {
        self.role = role
        self.content = content
        self.more = more
    }

    var isAssistant: Bool { role == "assistant" }
}

/// The content of a field: text, or messages that a chat template turns into text.
package enum RowContent: Sendable, Equatable {
    /// Plain text, used as it is.
    case text(String)
    /// Turns of a conversation.
    case messages([ChatMessage])

    /// Whether it is a conversation in which nothing is said: a template would still write something.
    var isSilent: Bool {
        if case .messages(let messages) = self { messages.allSatisfy(\.content.isEmpty) } else { false }
    }
}

/// A row that says which of two responses to a prompt is better.
package struct PreferenceRow: Sendable, Equatable {
    /// What both responses answer; nil when the row has none and their common beginning is the prompt.
    package let prompt: RowContent?
    /// The better response.
    package let chosen: RowContent
    /// The worse response.
    package let rejected: RowContent

    /// A preference row.
    package init(prompt: RowContent?, chosen: RowContent, rejected: RowContent) {
        self.prompt = prompt
        self.chosen = chosen
        self.rejected = rejected
    }
}

/// A row for supervised training.
package enum CompletionRow: Sendable, Equatable {
    /// A prompt and the completion that is trained.
    case completion(prompt: RowContent, completion: RowContent)
    /// A text all of which is trained.
    case text(String)
    /// A conversation of which the assistant's messages are trained.
    case messages([ChatMessage])
}

/// A question with the answers that count as right.
package struct QuestionRow: Sendable, Equatable {
    /// What is asked.
    package let prompt: String
    /// The references in the order of the file; the first one that is not empty is trained.
    package let answers: [String]

    /// A question with its answers.
    package init(prompt: String, answers: [String]) {
        self.prompt = prompt
        self.answers = answers
    }
}

extension Dataset {
    /// A question and its answers, which may be one string or a list of them.
    /// - Throws: `DatasetError` naming file, line and field of what is missing or of the wrong kind.
    package func question(_ row: Int) throws -> QuestionRow {
        let record = try record(row)
        return try locatingProblems(row) { () throws(RowProblem) in
            QuestionRow(prompt: try record.text(columns.prompt), answers: try record.texts(columns.completion))
        }
    }

    /// One row of a preference dataset.
    /// - Throws: `DatasetError` naming file, line and field of what is missing or of the wrong kind.
    package func preference(_ row: Int) throws -> PreferenceRow {
        let record = try record(row)
        return try locatingProblems(row) { () throws(RowProblem) in
            PreferenceRow(
                prompt: record.has(columns.prompt) ? try record.content(columns.prompt) : nil,
                chosen: try record.content(columns.chosen), rejected: try record.content(columns.rejected))
        }
    }

    /// One row for supervised training: prompt and completion, messages, or text, whichever the row has.
    package func completion(_ row: Int) throws -> CompletionRow {
        let record = try record(row)
        return try locatingProblems(row) { () throws(RowProblem) in
            if record.has(columns.prompt) || record.has(columns.completion) {
                return .completion(
                    prompt: try record.content(columns.prompt), completion: try record.content(columns.completion))
            }
            guard record.has(columns.messages) else { return .text(try record.text(columns.text)) }
            guard case .messages(let messages) = try record.content(columns.messages) else {
                throw RowProblem(field: columns.messages, found: "a string", expected: "a list of messages")
            }
            return .messages(messages)
        }
    }

    /// One row of plain text, as language-model training reads it.
    package func text(_ row: Int) throws -> String {
        let record = try record(row)
        return try locatingProblems(row) { () throws(RowProblem) in try record.text(columns.text) }
    }
}
