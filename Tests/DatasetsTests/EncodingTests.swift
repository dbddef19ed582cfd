import Datasets
import TestFolders
import Testing

func encodedExample(
    _ row: String, codec: TextCodec = byteCodec(), renderer: PromptRenderer = PromptRenderer(),
    _ change: (inout EncodingSettings) -> Void = { _ in }
) throws -> (pair: EncodedPair, report: EncodingReport) {
    let folder = try TestFolder()
    var settings = EncodingSettings()
    change(&settings)
    let dataset = try Dataset(try folder.write("d.jsonl", row))
    let examples = try PairExamples(dataset, PairEncoder(codec: codec, renderer: renderer, settings: settings))
    return (try examples.pair(0), examples.report)
}

private let plain = #"{"prompt": "ask", "chosen": " yes", "rejected": " no"}"#

@Suite("Pairs to tokens")
struct PairEncodingTests {
    @Test func beginningOnceAndEndOnce() throws {
        let pair = try encodedExample(plain).pair
        #expect(pair.prompt == [1] + ids("ask"))
        #expect(pair.chosen == ids(" yes") + [2])
        #expect(pair.rejected == ids(" no") + [2])
    }

    @Test func endTokenBehindThePromptIsRemoved() throws {
        let pair = try encodedExample(plain, codec: byteCodec(addsEnd: true)).pair
        #expect(pair.prompt == [1] + ids("ask"))
        #expect(pair.chosen == ids(" yes") + [2])
    }

    @Test func emptyPromptHasAStartToken() throws {
        let row = #"{"prompt": "", "chosen": "c", "rejected": "r"}"#
        #expect(try encodedExample(row, codec: byteCodec(addsBeginning: false)).pair.prompt == [1])
        #expect(try encodedExample(row).pair.prompt == [1])
    }

    @Test func implicitPromptIsTheCommonBeginningInTokens() throws {
        let pair = try encodedExample(#"{"chosen": "say abc", "rejected": "say axc"}"#, codec: mergingCodec).pair
        #expect(pair.prompt == [1] + ids("say "))
        #expect(pair.chosen == [1000] + ids("c") + [2])
        #expect(pair.rejected == ids("axc") + [2])
    }

    @Test func implicitPromptLeavesATokenToEachResponse() throws {
        let pair = try encodedExample(#"{"chosen": "ab", "rejected": "abc"}"#).pair
        #expect(pair.chosen == ids("b") + [2])
        #expect(pair.rejected == ids("bc") + [2])
    }

    @Test func boundaryMergeIsReportedAndJointTokenizationResolvesIt() throws {
        let row = #"{"prompt": "xa", "chosen": "b!", "rejected": "c!"}"#
        let separate = try encodedExample(row, codec: mergingCodec)
        #expect(separate.report.boundaryMerges == 1 && separate.report.boundaryChecks == 1)
        #expect(separate.report.lines.contains { $0.contains("tokenized together") })
        #expect(separate.pair.chosen == ids("b!") + [2])
        let joint = try encodedExample(row, codec: mergingCodec) { $0.joining = .joint }
        #expect(joint.pair.prompt == [1] + ids("x"))
        #expect(joint.pair.chosen == [1000] + ids("!") + [2])
        #expect(joint.pair.rejected == ids("ac!") + [2])
    }

    @Test func prependedSpaceIsNotDoubled() throws {
        let row = #"{"prompt": "ask", "chosen": " yes", "rejected": "  no"}"#
        let separate = try encodedExample(row, codec: spacingCodec)
        #expect(separate.pair.prompt == [1] + ids(" ask"))
        #expect(separate.pair.chosen == ids(" yes") + [2])
        #expect(separate.pair.rejected == ids("  no") + [2])
        #expect(separate.report.boundaryMerges == 0)
        #expect(try encodedExample(row, codec: spacingCodec) { $0.joining = .joint }.pair == separate.pair)
    }

    @Test func sidesAreScoredAsTheyAre() throws {
        let folder = try TestFolder()
        let dataset = try Dataset(
            try folder.write("d.jsonl", #"{"prompt": "xa", "chosen": "b!", "rejected": "c!"}"#))
        let settings = EncodingSettings(joining: .joint, appendsEnd: false)
        let sides = try SequenceEncoder(codec: mergingCodec, settings: settings).sides(ofRow: 0, in: dataset)
        #expect(sides.chosen == EncodedSequence(ids: [1] + ids("x") + [1000] + ids("!"), lossStart: 2))
        #expect(sides.rejected == EncodedSequence(ids: [1] + ids("xac!"), lossStart: 3))
    }

    @Test func decodedExampleShowsWhatIsTrained() throws {
        let text = try encodedExample(plain).pair.description(byteCodec())
        #expect(text.contains("prompt, 4 tokens, no loss:\n<s>ask"))
        #expect(text.contains("chosen, 5 tokens, loss on all:\n yes</s>"))
    }
}

@Suite("Truncation")
struct TruncationTests {
    private let long = #"{"prompt": "0123456789", "chosen": "abcdefgh", "rejected": "xyz"}"#

    @Test func whatFitsIsLeftAlone() throws {
        let result = try encodedExample(long) {
            $0.maximumLength = 20
            $0.maximumPromptLength = 4
        }
        #expect(result.pair.prompt.count == 11 && result.pair.chosen.count == 9)
        #expect(result.report.truncatedPrompts == 0)
    }

    @Test(
        arguments: [(EncodingSettings.Truncation.keepStart, "012"), (.keepEnd, "789")])
    func promptIsCutFirst(truncation: EncodingSettings.Truncation, kept: String) throws {
        let result = try encodedExample(long) {
            $0.maximumLength = 13
            $0.maximumPromptLength = 4
            $0.truncation = truncation
        }
        #expect(result.pair.prompt == [1] + ids(kept))
        #expect(result.pair.chosen == ids("abcdefgh") + [2])
        #expect(result.report.truncatedPrompts == 1 && result.report.truncatedResponses == 0)
    }

    @Test func responsesGetWhatThePromptLeaves() throws {
        let result = try encodedExample(long) { $0.maximumLength = 16 }
        #expect(result.pair.prompt.count == 11)
        #expect(result.pair.chosen == ids("abcde"))
        #expect(result.pair.rejected == ids("xyz") + [2])
        #expect(result.report.truncatedResponses == 1 && result.report.lostEndTokens == 1)
        #expect(result.report.lines.contains("responses that lost their end token: 1"))
    }

    @Test func promptThatFillsTheLengthIsLeftOut() throws {
        let folder = try TestFolder()
        let dataset = try Dataset(try folder.write("d.jsonl", long + "\n" + plain))
        let examples = try PairExamples(
            dataset, PairEncoder(codec: byteCodec(), settings: EncodingSettings(maximumLength: 11)))
        #expect(examples.count == 1 && examples.row(of: 0) == 1)
        #expect(examples.report.dropped == [.promptFillsLength: 1])
        #expect(throws: DatasetError.self) {
            try PairExamples(dataset, PairEncoder(codec: byteCodec(), settings: EncodingSettings(maximumLength: 3)))
        }
    }

    @Test(arguments: ["", "</s>"])
    func emptyResponses(text: String) throws {
        let codec = TextCodec(
            beginningOfSequence: nil, endOfSequence: 2, digest: "",
            encode: { text, _ in text == "</s>" ? [2] : text.utf8.map { Int32($0) + 10 } },
            encodeWithRanges: { byteCodec().encodeWithRanges($0) }, decode: { "\($0)" })
        let folder = try TestFolder()
        let path = try folder.write(
            "d.jsonl", plain + "\n" + #"{"prompt": "p", "chosen": "c", "rejected": "\#(text)"}"#)
        let dataset = try Dataset(path)
        var settings = EncodingSettings()
        let error = try #require(throws: DatasetError.self) {
            try PairExamples(dataset, PairEncoder(codec: codec, settings: settings))
        }
        #expect(error.line == 2 && error.field == "rejected" && error.found == "an empty response")
        settings.emptyResponses = .drop
        let examples = try PairExamples(dataset, PairEncoder(codec: codec, settings: settings))
        #expect(examples.count == 1 && examples.report.dropped == [.emptyResponse: 1])
    }

    @Test func failingNamesTheRow() throws {
        let error = try #require(throws: DatasetError.self) {
            try encodedExample(long) {
                $0.maximumLength = 16
                $0.truncation = .fail
            }
        }
        #expect(error.line == 1 && error.found == "a row of 20 tokens")
        #expect(try encodedExample(long) { $0.truncation = .fail }.pair.chosen.count == 9)
    }

    @Test func noRowExceedsTheMaximum() throws {
        let folder = try TestFolder()
        let rows = (0..<60).map { index in
            let text = String(repeating: "w", count: index)
            return #"{"prompt": "\#(text)", "chosen": "\#(text)c", "rejected": "r\#(text)\#(text)"}"#
        }
        let dataset = try Dataset(try folder.write("d.jsonl", rows.joined(separator: "\n")))
        for truncation in [EncodingSettings.Truncation.keepStart, .keepEnd] {
            let examples = try PairExamples(
                dataset,
                PairEncoder(
                    codec: byteCodec(),
                    settings: EncodingSettings(maximumLength: 40, maximumPromptLength: 25, truncation: truncation)))
            #expect(examples.count == 60)
            for index in 0..<examples.count {
                let pair = try examples.pair(index)
                #expect(pair.prompt.count + max(pair.chosen.count, pair.rejected.count) <= 40)
                #expect(!pair.chosen.isEmpty && !pair.rejected.isEmpty && pair.prompt.first == 1)
            }
        }
    }
}

@Suite("Sequences")
struct SequenceEncodingTests {
    private func examples(
        _ name: String, _ content: String, _ kind: SequenceExamples.Kind, maximumLength: Int
    ) throws -> SequenceExamples {
        let folder = try TestFolder()
        let dataset = try Dataset(try folder.write(name, content))
        let settings = EncodingSettings(maximumLength: maximumLength)
        return try SequenceExamples(dataset, SequenceEncoder(codec: byteCodec(), settings: settings), kind: kind)
    }

    @Test func lossOnTheCompletionOnly() throws {
        let examples = try examples(
            "d.jsonl", #"{"prompt": "ab", "completion": "cd"}"# + "\n" + #"{"text": "xyz"}"#, .completions,
            maximumLength: 50)
        #expect(try examples.sequence(0) == EncodedSequence(ids: [1] + ids("abcd") + [2], lossStart: 3))
        #expect(try examples.sequence(1) == EncodedSequence(ids: [1] + ids("xyz") + [2], lossStart: 1))
    }

    @Test(arguments: [2, 3, 5, 100])
    func everyTokenOfADocumentIsPredictedOnce(maximumLength: Int) throws {
        let examples = try examples("c.txt", "first doc\n\nsecond", .documents, maximumLength: maximumLength)
        let sequences = try (0..<examples.count).map { try examples.sequence($0) }
        #expect(sequences.allSatisfy { $0.ids.count <= maximumLength && $0.lossStart == 1 })
        #expect(sequences.flatMap { $0.ids.dropFirst() } == ids("first doc") + [2] + ids("second") + [2])
    }

    /// Pieces of a long document come from a file of its tokens, those of a short one from its text.
    @Test(arguments: [9, 40, 1000])
    func piecesAreTheSameInAnyOrder(words: Int) throws {
        let text = (0..<words).map { "w\($0)" }.joined(separator: " ")
        let examples = try examples("c.txt", text + "\n\nshort", .documents, maximumLength: 6)
        let forward = try (0..<examples.count).map { try examples.sequence($0) }
        let backward = try (0..<examples.count).reversed().map { try examples.sequence($0) }
        #expect(forward == backward.reversed())
        #expect([1] + forward.flatMap { $0.ids.dropFirst() } == [1] + ids(text) + [2] + ids("short") + [2])
        #expect(examples.report.kept == examples.count)
    }

    /// 600,000 pieces of one row: tokenizing it for each of them would take hours.
    @Test(.timeLimit(.minutes(2))) func oneVeryLongDocument() throws {
        let text = String(repeating: "0123456789", count: 240_000)
        let examples = try examples("c.jsonl", "{\"text\": \"\(text)\"}", .documents, maximumLength: 5)
        #expect(examples.count == 600_001)
        for index in [0, 600_000, 1, 599_999, 300_000] {
            #expect(try examples.sequence(index).ids.count == (index == 600_000 ? 2 : 5))
        }
    }
}
