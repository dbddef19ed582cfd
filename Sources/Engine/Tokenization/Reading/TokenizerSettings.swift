import Foundation
import JSON

/// What `tokenizer_config.json`, `special_tokens_map.json` and `chat_template.jinja` say beside `tokenizer.json`.
struct TokenizerSettings: Sendable {
    private(set) var begin: JSONNode?
    private(set) var end: JSONNode?
    private(set) var padding: JSONNode?
    private(set) var unknown: JSONNode?
    /// Tokens that the configuration lists, by id.
    private(set) var addedTokens: [JSONNode] = []
    private(set) var chatTemplate: String?
    private(set) var maximumLength: Int?

    /// Settings of a `tokenizer.json` without companions.
    init() {}

    init(directory: String) throws(TokenizerError) {
        func tree(_ file: String) throws(TokenizerError) -> JSONNode? {
            let path = directory + "/" + file
            guard FileManager.default.fileExists(atPath: path) else { return nil }
            return try TokenizerFile.tree(TokenizerFile.contents(of: path), named: path)
        }
        let configuration = try tree("tokenizer_config.json")
        let map = try tree("special_tokens_map.json")
        func special(_ key: String) -> JSONNode? {
            for node in [configuration?[key], map?[key]] {
                if let node, !node.isNull { return node }
            }
            return nil
        }
        begin = special("bos_token")
        end = special("eos_token")
        padding = special("pad_token")
        unknown = special("unk_token")
        if let list = configuration?["added_tokens_decoder"], !list.isNull {
            addedTokens = try list.members().map(\.node)
        }
        // Larger numbers are the field's way of saying that there is no limit.
        let written: Int? =
            switch configuration?["model_max_length"].value {
            case .integer(let length)?: length
            case .number(let length)?: Int(exactly: length)
            default: nil
            }
        if let written, (1..<1_000_000_000).contains(written) { maximumLength = written }
        chatTemplate = try Self.chatTemplate(directory, configuration)
    }

    /// The template file, or the configuration's template; of several named ones the one called `default`.
    private static func chatTemplate(
        _ directory: String, _ configuration: JSONNode?
    ) throws(TokenizerError) -> String? {
        let path = directory + "/chat_template.jinja"
        if FileManager.default.fileExists(atPath: path) {
            return try TokenizerFile.text(of: path)
        }
        guard let node = configuration?["chat_template"], !node.isNull else { return nil }
        guard case .array = node.value else { return try node.string() }
        for element in try node.elements() where try element["name"].string() == "default" {
            return try element["template"].string()
        }
        return nil
    }
}
