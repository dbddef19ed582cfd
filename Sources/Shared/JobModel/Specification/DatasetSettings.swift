/// What rows are read and how texts become token sequences.
package struct DatasetSettings: Sendable, Hashable {
    /// Rows to train on: one file or folder, or several whose rows follow each other. Never an empty list.
    package var train: [InputReference]?
    /// Rows to evaluate on, likewise.
    package var eval: [InputReference]?
    /// How files are read.
    package var format = DatasetFormat.automatic
    /// Most tokens of prompt and response together; nil means the model's context.
    package var maxLength: Int?
    /// Most tokens of a prompt; nil leaves prompts alone.
    package var maxPromptLength: Int?
    /// What happens to a text that is too long.
    package var truncation = Truncation.keepStart
    /// Whether prompt and response are tokenized apart or as one text.
    package var tokenize = TokenizationMode.separate
    /// What happens to a row with an empty response.
    package var onEmpty = EmptyRowPolicy.fail
    /// A file with the chat template that conversations are rendered with; nil means the model's own.
    package var chatTemplate: InputReference?
    /// Names of the fields in a row.
    package var columns = DatasetColumns()

    /// The defaults.
    package init() {}
}

/// How a dataset file is read.
package enum DatasetFormat: String, Sendable, Hashable, CaseIterable {
    /// By the name: `.jsonl`, `.json` (one array), `.csv` or `.txt`, each also with `.gz` or `.zst` behind it.
    case automatic = "auto"
    /// One JSON object per line.
    case jsonLines = "jsonl"
    /// Plain text, documents separated by a blank line.
    case text
}

/// What happens to a text that is too long.
package enum Truncation: String, Sendable, Hashable, CaseIterable {
    /// Its first tokens are kept.
    case keepStart = "keep_start"
    /// Its last tokens are kept.
    case keepEnd = "keep_end"
    /// The job ends with a data error that names the row.
    case fail
}

/// How prompt and response are tokenized.
package enum TokenizationMode: String, Sendable, Hashable, CaseIterable {
    /// Each on its own; ids are joined.
    case separate
    /// As one text; the boundary is found afterwards.
    case joint
}

/// What happens to a row with an empty response.
package enum EmptyRowPolicy: String, Sendable, Hashable, CaseIterable {
    /// The job ends with a data error that names the row.
    case fail
    /// The row is left out and counted.
    case drop
}

/// Names of the fields in a row, for files that call them otherwise.
package struct DatasetColumns: Sendable, Hashable {
    /// Prompt of a preference or instruction row.
    package var prompt = "prompt"
    /// Preferred response.
    package var chosen = "chosen"
    /// Dispreferred response.
    package var rejected = "rejected"
    /// Response of an instruction row.
    package var response = "response"
    /// Text of a pretraining row.
    package var text = "text"
    /// Message list of a conversation.
    package var messages = "messages"
    /// Context of a compression row.
    package var input = "input"
    /// Answer of a compression row.
    package var answer = "answer"

    /// The usual names.
    package init() {}
}
