/// The names under which a dataset keeps the fields that training reads; extra columns are passed over.
package struct ColumnNames: Sendable, Equatable {
    /// Prompt of a preference or completion row.
    package var prompt = "prompt"
    /// Preferred response.
    package var chosen = "chosen"
    /// Dispreferred response.
    package var rejected = "rejected"
    /// Response of a completion row.
    package var completion = "completion"
    /// Plain text.
    package var text = "text"
    /// Message list of a conversation.
    package var messages = "messages"

    /// The usual names.
    package init() {}

    /// The fields that can be renamed, by their usual names.
    package static let fields: [String: any WritableKeyPath<ColumnNames, String> & Sendable] = [
        "prompt": \.prompt, "chosen": \.chosen, "rejected": \.rejected, "completion": \.completion, "text": \.text,
        "messages": \.messages,
    ]
}
