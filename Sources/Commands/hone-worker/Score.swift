import ArgumentParser
import Compute
import Datasets
import DurableFiles
import JobModel
import Transformer

/// `hone score`: log-probabilities of response tokens.
struct Score: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the log-probability of every response token of preference rows.",
        usage: "hone score --model DIR [--adapter DIR] --data FILE --output FILE",
        discussion: """
              hone score --model smollm2 --data pairs.jsonl --output scores.jsonl
            """)

    @OptionGroup var model: ModelOptions

    @Option(help: ArgumentHelp("Rows with prompt, chosen and rejected: texts, or lists of messages.", valueName: "file"))
    var data: String

    @Option(help: ArgumentHelp("Where the scores go: one JSON line for each row.", valueName: "file"))
    var output: String

    @Option(help: "Tokenize a response together with its prompt, as it would be read (joint), or alone (separate).")
    var tokenize = EncodingSettings.Joining.joint

    @Flag(help: "Score the end token behind each response, too.")
    var withEnd = false

    func run() throws {
        let opened = try model.open()
        let dataset = try Dataset(data)
        let encoder = SequenceEncoder(
            codec: TextCodec(opened.tokenizer, digest: ""), renderer: opened.renderer,
            settings: EncodingSettings(
                maximumLength: opened.model.contextLength, joining: tokenize, appendsEnd: withEnd))
        var lines = ""
        for row in 0..<dataset.count {
            let (chosen, rejected) = try encoder.sides(ofRow: row, in: dataset)
            let scores = try opened.logProbabilities(of: [chosen, rejected])
            let score = RowScore(
                row: row, chosen: SideScore(chosen, scores[0]), rejected: SideScore(rejected, scores[1]))
            lines += String(decoding: try JSONCoding.encode(score), as: UTF8.self) + "\n"
        }
        try durableWrite(lines, to: output)
        complain("scored \(dataset.count) rows of \(data) into \(output)")
    }
}

extension EncodingSettings.Joining: ExpressibleByArgument {}

/// One line of the output.
private struct RowScore: Encodable {
    /// Counted from 0.
    let row: Int
    let chosen: SideScore
    let rejected: SideScore
}

/// A response and what the model thinks of it.
private struct SideScore: Encodable {
    let promptIds: [Int32]
    let ids: [Int32]
    /// log p of each of `ids`, in nats.
    let logps: [Double]

    init(_ sequence: EncodedSequence, _ logProbabilities: [Double]) {
        promptIds = Array(sequence.ids.prefix(sequence.lossStart))
        ids = Array(sequence.ids.dropFirst(sequence.lossStart))
        logps = logProbabilities
    }
}

extension OpenModel {
    /// log p of the trained tokens of each sequence.
    fileprivate func logProbabilities(of sequences: [EncodedSequence]) throws -> [[Double]] {
        let packed = PackedSequences(sequences)
        try model.check(packed.ids, packed.layout)
        let measuring = Arena.measuring()
        _ = layOut(packed, Context(arena: measuring, team: team, gradients: []))
        let context = Context(arena: try Arena(byteCount: measuring.highWaterMark), team: team, gradients: [])
        let (activations, scores, scratch) = layOut(packed, context)
        let hidden = model.forward(packed.ids, packed.layout, activations, Pass(), context)
        let targets = HeadTargets(rows: packed.headRows, ids: packed.targets)
        model.head.score(hidden, targets, into: scores, scratch, context)
        return packed.scores.map { range in range.map { Double(scores.logProbabilities[$0, 0]) } }
    }

    private func layOut(
        _ packed: PackedSequences, _ context: Context
    ) -> (LanguageModel.Activations, HeadScores, HeadScratch) {
        (
            model.activations(for: packed.layout, recording: .none, context),
            HeadScores(count: packed.targets.count, [], in: context.arena),
            model.head.scratch(count: packed.targets.count, in: context.arena)
        )
    }
}
