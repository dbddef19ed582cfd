import ArgumentParser
import Compute
import ContextCompression
import DurableFiles
import Foundation
import Tokenization
import Training
import Transformer

/// Which compressor a command works with.
struct CompressorOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The artifacts of a gmsa-autoencoder or gmsa-finetune job.", valueName: "dir"))
    var model: String

    @Option(
        help: ArgumentHelp(
            "The model that the compressor was made from (default: where it was at training).", valueName: "dir"))
    var base: String?

    @Option(help: ArgumentHelp("Threads (default: all cores).", valueName: "n"))
    var threads: Int?

    func open() throws -> OpenCompressor { try OpenCompressor(self) }
}

/// A frozen compressor with its base, ready to be used.
struct OpenCompressor {
    let folder: String
    let record: CompressorRecord
    let base: LanguageModel
    let compressor: ContextCompressor
    let tokenizer: Tokenizer
    let team: ThreadTeam
    /// What soft tokens of this compressor carry.
    let digest, tokenizerDigest: String

    fileprivate init(_ options: CompressorOptions) throws {
        folder = options.model
        team = try ThreadTeam(threads: options.threads ?? ProcessInfo.processInfo.activeProcessorCount)
        record = try CompressorRecord(folder: folder)
        let baseFolder = try Self.baseFolder(options.base ?? record.base.id, record)
        base = try LanguageModel(folder: baseFolder, team: team)
        let trained = try Compressor(folder: folder, record, of: base, trained: false)
        compressor = ContextCompressor(trained, of: base, team: team)
        tokenizer = try Tokenizer(directory: folder)
        tokenizerDigest = try SHA256.hex(ofFile: folder + "/tokenizer.json").hex
        digest = trained.digest(record, tokenizer: tokenizerDigest)
    }

    /// The model that answers: the fine-tuned one, or the base after the first stage.
    func decoder() throws -> LanguageModel {
        let own = folder + "/decoder"
        return fileKind(own) == .directory ? try LanguageModel(folder: own, team: team) : base
    }

    /// Tokens of a text as compressors read it: none of them special.
    func tokens(of text: String) -> [Int32] { tokenizer.encode(text, addSpecialTokens: false) }

    private static func baseFolder(_ path: String, _ record: CompressorRecord) throws -> String {
        guard fileKind(path) == .directory else {
            throw Refusal("the compressor's base model is not at \(path); name its folder with --base")
        }
        guard try ModelFolder(path).digest({}) == record.base.sha256 else {
            throw Refusal(
                "\(path) is another model than the one that the compressor was made from (\(record.base.id)); "
                    + "name that one with --base")
        }
        return path
    }
}

/// Something that fits together in form but not in meaning.
struct Refusal: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The text of a file in UTF-8.
func readText(_ path: String) throws -> String {
    let bytes = try readFile(path, limit: 256 << 20)
    guard let text = String(validating: bytes, as: UTF8.self) else {
        throw Refusal("\(path): it is not UTF-8; expected a text file")
    }
    return text
}
