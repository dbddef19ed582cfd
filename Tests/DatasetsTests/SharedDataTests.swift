import Datasets
import Foundation
import Testing
import Tokenization

@Suite("Real data files", .enabled(if: SharedData.isPresent, "needs the shared data; set HONE_SHARED"))
struct SharedDataTests {
    private static let data = SharedData.path + "/data/"

    @Test(
        arguments: [
            ("preference_stories_train", 1200), ("preference_stories_eval", 150), ("preference_train", 3845),
            ("preference_eval", 636), ("preference_conversational_train", 828),
            ("preference_conversational_eval", 116), ("importance_probe", 791),
        ])
    func preferenceRows(name: String, count: Int) throws {
        let dataset = try Dataset(Self.data + name + ".jsonl")
        #expect(dataset.count == count)
        for row in 0..<dataset.count {
            let preference = try dataset.preference(row)
            #expect(preference.prompt != nil)
            #expect(preference.chosen != preference.rejected || name != "preference_stories_train")
        }
    }

    @Test func corpusDocuments() throws {
        let dataset = try Dataset(Self.data + "corpus_eval.txt")
        #expect(dataset.count > 100)
        var characters = 0
        for row in 0..<dataset.count {
            let text = try dataset.text(row)
            #expect(!text.isEmpty && !text.contains("\n\n"))
            characters += text.utf8.count
        }
        #expect(characters > 1_400_000)
    }

    @Test(arguments: ["tinystories-656k", "stories260K"])
    func storiesFitTheModel(model: String) throws {
        let tokenizer = try Tokenizer(directory: SharedData.path + "/models/" + model)
        let encoder = PairEncoder(
            codec: TextCodec(tokenizer, digest: model), settings: EncodingSettings(maximumLength: 512))
        let examples = try PairExamples(try Dataset(Self.data + "preference_stories_eval.jsonl"), encoder)
        #expect(examples.count == 150)
        if model == "tinystories-656k" { #expect(examples.report.lengths.longest <= 256) }
        for index in 0..<examples.count {
            let pair = try examples.pair(index)
            #expect(pair.chosen.last == tokenizer.eosID && pair.rejected.last == tokenizer.eosID)
            #expect(pair.chosen.dropLast().allSatisfy { $0 != tokenizer.eosID })
            if let bos = tokenizer.bosID, bos != tokenizer.eosID {
                #expect(pair.prompt.filter { $0 == bos }.count <= 1 && !pair.chosen.contains(bos))
            }
        }
    }

    @Test(arguments: [("preference_conversational_train", 828), ("preference_conversational_eval", 116)])
    func conversationsOfTheQwenTemplate(name: String, count: Int) throws {
        let tokenizer = try Tokenizer(directory: SharedData.path + "/tokenizers/qwen2.5")
        let encoder = PairEncoder(
            codec: TextCodec(tokenizer, digest: "qwen"), renderer: PromptRenderer(of: tokenizer),
            settings: EncodingSettings(maximumLength: 1 << 16))
        let examples = try PairExamples(try Dataset(Self.data + name + ".jsonl"), encoder)
        #expect(examples.count + (examples.report.dropped[.emptyResponse] ?? 0) == count)
        #expect(examples.report.partedPrompts == 0)
        let opening = tokenizer.encode("<|im_start|>assistant\n", addSpecialTokens: false)
        let closing = tokenizer.encode("<|im_end|>\n", addSpecialTokens: false)
        for index in 0..<examples.count {
            let pair = try examples.pair(index)
            #expect(pair.prompt.suffix(opening.count) == opening[...])
            #expect(pair.chosen.suffix(closing.count) == closing[...])
            #expect(pair.rejected.suffix(closing.count) == closing[...])
        }
    }

    /// The models' golden pairs were tokenized jointly, each side by itself, without an end token.
    @Test(arguments: ["tinystories-656k", "stories260K"])
    func sidesMatchTheGoldenPairs(model: String) throws {
        let folder = SharedData.path + "/models/" + model
        let golden = try JSONDecoder().decode(
            Golden.self, from: Data(contentsOf: URL(fileURLWithPath: folder + "/golden.json")))
        let tokenizer = try Tokenizer(directory: folder)
        let encoder = SequenceEncoder(
            codec: TextCodec(tokenizer, digest: model),
            settings: EncodingSettings(maximumLength: 512, joining: .joint, appendsEnd: false))
        let dataset = try Dataset(Self.data + "preference_stories_eval.jsonl")
        let lines = try String(contentsOfFile: Self.data + "preference_stories_eval.jsonl", encoding: .utf8)
            .split(separator: "\n")
        for pair in golden.pairs {
            let row = try #require(lines.firstIndex { $0.contains("\"id\": \"\(pair.id)\"") })
            let sides = try encoder.sides(ofRow: row, in: dataset)
            #expect(sides.chosen == EncodedSequence(ids: pair.chosen.ids, lossStart: pair.chosen.prompt_len))
            #expect(sides.rejected == EncodedSequence(ids: pair.rejected.ids, lossStart: pair.rejected.prompt_len))
        }
    }

    private struct Golden: Decodable {
        struct Side: Decodable {
            let ids: [Int32]
            let prompt_len: Int
        }

        struct Pair: Decodable {
            let id: String
            let chosen, rejected: Side
        }

        let pairs: [Pair]
    }
}
