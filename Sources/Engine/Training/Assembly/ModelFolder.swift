package import Datasets
import DurableFiles
package import Tokenization
package import Transformer

/// A checkpoint folder beside its weights: the tokenizer, and the small files that belong to a published model.
package struct ModelFolder: Sendable {
    package let path: String
    /// A file with the chat template to use instead of the folder's own.
    package let chatTemplate: String?

    package init(_ path: String, chatTemplate: String? = nil) {
        self.path = path
        self.chatTemplate = chatTemplate
    }

    package func tokenizer() throws -> Tokenizer { try Tokenizer(directory: path) }

    /// Files that are copied unchanged to every model made from this one.
    static let companions = [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
        "merges.txt", templateFile, "generation_config.json",
    ]

    func copyCompanions(into directory: inout DurableDirectory) throws {
        for name in Self.companions {
            let source = name == Self.templateFile ? chatTemplate ?? path + "/" + name : path + "/" + name
            if fileKind(source) != .missing { try directory.add(name, copying: source) }
        }
    }

    private static let templateFile = "chat_template.jinja"

    /// What turns messages into text: the given template, else the folder's own.
    package func renderer(_ tokenizer: Tokenizer) throws -> PromptRenderer {
        if let chatTemplate {
            return PromptRenderer(template: try ConversationTemplate(file: chatTemplate, for: tokenizer))
        }
        return PromptRenderer(of: tokenizer)
    }

    /// Digest of everything that decides what the model computes.
    package func digest(_ interruption: () throws -> Void) throws -> String {
        var lines = ""
        for name in try directoryNames(path)
        where ["config.json", "adapter_config.json"].contains(name) || name.hasSuffix(".safetensors") {
            lines += "\(name) \(try SHA256.hex(ofFile: path + "/" + name, checkpoint: interruption).hex)\n"
        }
        return SHA256.hex(of: lines)
    }
}

extension TextCodec {
    /// The codec of a model folder, whose tokenizer has been read.
    package init(_ folder: ModelFolder, _ tokenizer: Tokenizer, _ configuration: ModelConfiguration) throws {
        let digest = try SHA256.hex(ofFile: folder.path + "/tokenizer.json").hex
        self.init(tokenizer, endOfSequence: configuration.endOfSequenceIDs.first, digest: digest)
    }
}
