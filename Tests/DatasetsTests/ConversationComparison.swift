import Datasets
import Foundation
import TestFolders
import Testing
import Tokenization

/// The files that scripts/compare-conversations writes and names.
private enum TRLFiles {
    private static let environment = ProcessInfo.processInfo.environment
    static let folder = environment["HONE_CONVERSATIONS"]
    static let rows = environment["HONE_CONVERSATION_ROWS"]

    static var templates: [String] {
        let names = folder.flatMap { try? FileManager.default.contentsOfDirectory(atPath: $0) } ?? []
        let templates = names.filter { $0.hasSuffix(".template") }.map { String($0.dropLast(9)) }.sorted()
        return templates.isEmpty ? ["no template in \(folder ?? "no folder")"] : templates
    }
}

/// What TRL and transformers made of the same rows; written by scripts/compare-conversations, which runs this suite.
@Suite(
    "TRL's conversations",
    .enabled(if: TRLFiles.folder != nil, "run by scripts/compare-conversations"))
struct ConversationComparison {
    private struct Line: Decodable {
        struct Pair: Decodable { let prompt_ids, chosen_ids, rejected_ids: [Int32] }
        struct Sequence: Decodable { let ids: [Int32], mask: [Int] }

        let row: Int
        let pair: Pair
        let sequence: Sequence?
    }

    @Test(arguments: TRLFiles.templates)
    func everyRow(template: String) throws {
        let base = try #require(TRLFiles.folder) + "/" + template
        let rows = try #require(TRLFiles.rows)
        let tokenizer = try Tokenizer(directory: SharedData.path + "/tokenizers/qwen2.5")
        let codec = TextCodec(tokenizer, digest: "")
        let renderer = PromptRenderer(template: try ConversationTemplate(file: base + ".template", for: tokenizer))
        let settings = EncodingSettings(maximumLength: 1 << 20)
        let examples = try PairExamples(
            Dataset(rows), PairEncoder(codec: codec, renderer: renderer, settings: settings))
        let lines = try String(contentsOfFile: base + ".jsonl", encoding: .utf8).split(separator: "\n").map {
            try JSONDecoder().decode(Line.self, from: Data($0.utf8))
        }
        let byRow = Dictionary(uniqueKeysWithValues: (0..<examples.count).map { (examples.row(of: $0), $0) })
        var compared = (pairs: 0, sequences: 0)
        for line in lines {
            let index = try #require(byRow[line.row])
            let pair = try examples.pair(index)
            #expect(pair.prompt == line.pair.prompt_ids, "row \(line.row)")
            #expect(pair.chosen == line.pair.chosen_ids, "row \(line.row)")
            #expect(pair.rejected == line.pair.rejected_ids, "row \(line.row)")
            compared.pairs += 1
            guard let expected = line.sequence else { continue }
            let sequence = try examples.conversation(ofRow: line.row, settings)
            #expect(sequence.ids == expected.ids, "row \(line.row)")
            #expect(sequence.mask == expected.mask, "row \(line.row)")
            compared.sequences += 1
        }
        #expect(compared.pairs > 0)
        print("compared \(template): \(compared.pairs) pairs, \(compared.sequences) conversations with their masks")
    }
}

extension PairExamples {
    /// Prompt and chosen response of a row as one conversation for supervised training.
    fileprivate func conversation(ofRow row: Int, _ settings: EncodingSettings) throws -> EncodedSequence {
        let preference = try dataset.preference(row)
        guard case .messages(let prompt)? = preference.prompt, case .messages(let chosen) = preference.chosen else {
            preconditionFailure("the script writes conversational rows only")
        }
        let folder = try TestFolder()
        let messages = (prompt + chosen).map { ["role": $0.role, "content": $0.content] }
        let line = try JSONEncoder().encode(["messages": messages])
        let conversations = try Dataset(try folder.write("row.jsonl", [UInt8](line)))
        let encoder = SequenceEncoder(codec: encoder.codec, renderer: encoder.renderer, settings: settings)
        return try SequenceExamples(conversations, encoder, kind: .completions).sequence(0)
    }
}

extension EncodedSequence {
    fileprivate var mask: [Int] { ids.indices.map { index in trained.contains { $0.contains(index) } ? 1 : 0 } }
}
