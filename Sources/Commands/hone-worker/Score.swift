import ArgumentParser
import Compute
import Datasets
import DurableFiles
import JobModel
import Transformer

/// `hone score`: log-probabilities of response tokens.
struct Score: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the log-probability of every response token of preference rows.")

    @OptionGroup var model: ModelOptions

    @Option(help: ArgumentHelp("Rows with prompt, chosen and rejected.", valueName: "file"))
    var data: String

    @Option(help: ArgumentHelp("Where the scores go: one JSON line for each row.", valueName: "file"))
    var output: String

    func run() throws {
        let opened = try model.open()
        let examples = try PairExamples(
            Dataset(data),
            PairEncoder(
                codec: TextCodec(opened.tokenizer, digest: ""),
                settings: EncodingSettings(maximumLength: opened.model.contextLength)))
        var lines = ""
        for index in 0..<examples.count {
            let pair = try examples.pair(index)
            let score = try PairScore(examples.row(of: index), pair, by: opened)
            lines += String(decoding: try JSONCoding.encode(score), as: UTF8.self) + "\n"
        }
        try durableWrite(lines, to: output)
        complain("scored \(examples.count) rows of \(data) into \(output)")
        examples.report.lines.forEach(complain)
    }
}

/// One line of the output.
private struct PairScore: Encodable {
    let row: Int
    let promptIds: [Int32]
    let chosenIds: [Int32]
    let chosenLogps: [Double]
    let rejectedIds: [Int32]
    let rejectedLogps: [Double]

    /// One pass over the prompt with both responses branching off from it.
    init(_ row: Int, _ pair: EncodedPair, by opened: OpenModel) throws {
        let packed = PackedTrees([PromptTree(pair)])
        let scores = try opened.logProbabilities(of: packed)
        self.row = row
        promptIds = pair.prompt
        chosenIds = pair.chosen
        rejectedIds = pair.rejected
        chosenLogps = Array(scores[packed.branches[0][0].scores])
        rejectedLogps = Array(scores[packed.branches[0][1].scores])
    }
}

extension OpenModel {
    /// log p of every target of packed trees, in the order of their scores.
    fileprivate func logProbabilities(of packed: PackedTrees) throws -> [Double] {
        try model.check(packed.ids, packed.layout)
        let measuring = Arena.measuring()
        _ = layOut(packed, Context(arena: measuring, team: team, gradients: []))
        let context = Context(arena: try Arena(byteCount: measuring.highWaterMark), team: team, gradients: [])
        let (activations, scores, scratch) = layOut(packed, context)
        let hidden = model.forward(packed.ids, packed.layout, activations, Pass(), context)
        let targets = HeadTargets(rows: packed.headRows, ids: packed.targets)
        model.head.score(hidden, targets, into: scores, scratch, context)
        return (0..<targets.count).map { Double(scores.logProbabilities[$0, 0]) }
    }

    private func layOut(_ packed: PackedTrees, _ context: Context) -> (LanguageModel.Activations, HeadScores, HeadScratch) {
        (
            model.activations(for: packed.layout, recording: .none, context),
            HeadScores(count: packed.targets.count, [], in: context.arena),
            model.head.scratch(count: packed.targets.count, in: context.arena)
        )
    }
}
