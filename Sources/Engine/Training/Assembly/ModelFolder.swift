package import Datasets
import DurableFiles
package import Tokenization
package import Transformer

/// A checkpoint folder beside its weights: the tokenizer, and the small files that belong to a published model.
package struct ModelFolder: Sendable {
    package let path: String

    package init(_ path: String) { self.path = path }

    package func tokenizer() throws -> Tokenizer { try Tokenizer(directory: path) }

    /// Files that are copied unchanged to every model made from this one.
    static let companions = [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
        "merges.txt", "chat_template.jinja", "generation_config.json",
    ]

    func copyCompanions(into directory: inout DurableDirectory) throws {
        for name in Self.companions where fileKind(path + "/" + name) != .missing {
            try directory.add(name, copying: path + "/" + name)
        }
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
    /// What encoding needs of a tokenizer.
    ///
    /// - Parameter endOfSequence: used when the tokenizer names no end token.
    package init(_ tokenizer: Tokenizer, endOfSequence: Int32? = nil, digest: String) {
        self.init(
            beginningOfSequence: tokenizer.bosID, endOfSequence: tokenizer.eosID ?? endOfSequence, digest: digest,
            encode: { tokenizer.encode($0, addSpecialTokens: $1) },
            decode: { tokenizer.decode($0, skipSpecialTokens: false) })
    }

    /// The codec of a model folder.
    package init(_ folder: ModelFolder, _ configuration: ModelConfiguration) throws {
        let digest = try SHA256.hex(ofFile: folder.path + "/tokenizer.json").hex
        self.init(try folder.tokenizer(), endOfSequence: configuration.endOfSequenceIDs.first, digest: digest)
    }
}
