import Datasets
import DurableFiles
import Tokenization

extension Inspector {
    /// A folder with a tokenizer, or its file alone.
    func tokenizer(_ inspection: inout Inspection) {
        let isFolder = (try? directoryNames(path)) != nil
        let found: Tokenizer?
        if isFolder {
            found = modelTokenizer(&inspection)
        } else if path.hasSuffix(".model") {
            inspection.report(.error, sentencePiece(path))
            found = nil
        } else {
            found = inspection.attempt { try Tokenizer(file: path) }
            if let found { describe(found, &inspection) }
            inspection.report(
                .note, "a file alone names no begin, end or padding token and no chat template; its folder does")
        }
        inspection.summary = "tokenizer: " + (found.map { "\($0.vocabularySize) ids" } ?? "cannot be read")
    }

    /// The tokenizer of a folder, described; nil with a problem when there is none.
    func modelTokenizer(_ inspection: inout Inspection) -> Tokenizer? {
        guard (try? fileSize(path + "/tokenizer.json")) != nil else {
            let model = path + "/tokenizer.model"
            if (try? fileSize(model)) != nil {
                inspection.report(.error, sentencePiece(model))
            } else {
                inspection.report(
                    inspection.kind == .checkpoint ? .warning : .error,
                    "\(path): no tokenizer.json: found no tokenizer, expected one beside the weights; copy it from the "
                        + "base model")
            }
            return nil
        }
        guard let tokenizer = inspection.attempt({ try Tokenizer(directory: path) }) else { return nil }
        describe(tokenizer, &inspection)
        if tokenizer.chatTemplate == nil {
            inspection.report(
                .warning, "no chat template: rows of plain text are fine, conversations need dataset.chat_template")
        } else {
            do {
                _ = try ConversationTemplate(of: tokenizer)
            } catch {
                inspection.report(.warning, "chat template: \(error); conversations need dataset.chat_template")
            }
        }
        return tokenizer
    }

    private func describe(_ tokenizer: Tokenizer, _ inspection: inout Inspection) {
        func token(_ id: Int32?) -> Inspection.Fact? {
            id.flatMap { id in
                tokenizer.token(of: id).map { .text("\(String(decoding: $0, as: UTF8.self)) (\(id))") }
            }
        }
        let sample = "Hello, world! Grüße 你好 123"
        let ids = tokenizer.encode(sample, addSpecialTokens: false)
        inspection.add(
            "tokenizer",
            [
                ("ids", .number(tokenizer.vocabularySize)), ("added_tokens", .number(tokenizer.addedTokens.count)),
                ("bos", token(tokenizer.bosID)), ("eos", token(tokenizer.eosID)), ("pad", token(tokenizer.padID)),
                ("unk", token(tokenizer.unkID)), ("chat_template", .flag(tokenizer.chatTemplate != nil)),
                ("model_max_length", tokenizer.maximumLength.map { .number($0) }),
                ("example", .text(sample)), ("example_ids", .list(ids.map { "\($0)" })),
            ])
        if tokenizer.decode(ids, skipSpecialTokens: false) != sample {
            inspection.report(
                .note, "the example does not come back from its ids unchanged: the tokenizer normalizes or lacks bytes")
        }
    }

    private func sentencePiece(_ file: String) -> String {
        "\(file): found a SentencePiece model only, expected tokenizer.json; convert it: python -c \"from transformers "
            + "import AutoTokenizer as A; A.from_pretrained('DIR').save_pretrained('DIR')\""
    }
}
