import Alignment
import ArgumentParser
import Compute
import Datasets
import DurableFiles
import JobModel
import Tokenization
import Transformer

/// `hone importance`: which response tokens TI-DPO's attribution finds important.
struct Importance: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the raw importance of every response token of preference rows.",
        usage: "hone importance --model DIR [--adapter DIR] --data FILE --output FILE",
        discussion: """
            Importance is the L1 norm of the gradient of the largest logit that predicts the final token, with respect to \
            the token's embedding (TI-DPO eq. 5-6). Offsets are Unicode scalars of the response; the end token has none.
            """)

    @OptionGroup var model: ModelOptions

    @Option(help: ArgumentHelp("Rows with prompt, chosen and rejected.", valueName: "file"))
    var data: String

    @Option(help: ArgumentHelp("Where the importances go: one JSON line for each response.", valueName: "file"))
    var output: String

    func run() throws {
        let opened = try model.open()
        let dataset = try Dataset(data)
        var lines = ""
        for row in 0..<dataset.count {
            let preference = try dataset.preference(row)
            guard case .text(let prompt)? = preference.prompt, case .text(let chosen) = preference.chosen,
                case .text(let rejected) = preference.rejected
            else { throw ValidationError("\(dataset.place(ofRow: row)): expected prompt, chosen and rejected as strings") }
            for (side, text) in [("chosen", chosen), ("rejected", rejected)] {
                let response = Response(text, after: prompt, opened.tokenizer)
                guard response.ids.count > response.start else {
                    throw ValidationError("\(dataset.place(ofRow: row)): \(side): expected at least one token")
                }
                let found = try ResponseImportance(
                    row: row, side: side, offsets: response.offsets, importance: opened.importance(of: response))
                lines += String(decoding: try JSONCoding.encode(found), as: UTF8.self) + "\n"
            }
        }
        try durableWrite(lines, to: output)
        complain("wrote importances of \(dataset.count) rows of \(data) to \(output)")
    }
}

/// One line of the output.
private struct ResponseImportance: Encodable {
    /// Counted from 0.
    let row: Int
    let side: String
    /// First scalar and the one after the last, of each token in the response; nil for the end token.
    let offsets: [[Int]?]
    let importance: [Double]
}

/// A prompt with one response, tokenized as they are read.
private struct Response {
    let ids: [Int32]
    /// Index of the first response token.
    let start: Int
    let offsets: [[Int]?]

    init(_ text: String, after prompt: String, _ tokenizer: Tokenizer) {
        let encoded = tokenizer.encodeWithRanges(prompt + text, addSpecialTokens: true)
        let boundary = prompt.utf8.count
        let first = encoded.ranges.firstIndex { $0.upperBound > boundary } ?? encoded.ids.count
        let bytes = Array((prompt + text).utf8)
        func scalars(to byte: Int) -> Int {
            byte <= boundary ? 0 : bytes[boundary..<byte].reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
        }
        start = first
        let own = encoded.ranges[first...].map { [scalars(to: $0.lowerBound), scalars(to: $0.upperBound)] as [Int]? }
        ids = encoded.ids + [tokenizer.eosID].compactMap { $0 }
        offsets = own + [[Int]?](repeating: nil, count: tokenizer.eosID == nil ? 0 : 1)
    }
}

extension OpenModel {
    /// Raw importances of the response tokens.
    fileprivate func importance(of response: Response) throws -> [Double] {
        let layout = SequenceLayout(lengths: [response.ids.count])
        try model.check(response.ids, layout)
        let measuring = Arena.measuring()
        _ = layOut(layout, Context(arena: measuring, team: team, gradients: .inputs))
        let context = Context(arena: try Arena(byteCount: measuring.highWaterMark), team: team, gradients: .inputs)
        let (activations, maxima, scratch) = layOut(layout, context)
        model.forward(response.ids, layout, activations, Pass(), context)
        activations.hiddenGradient.fill(0)
        model.head.maximumLogitGradient(
            activations.hidden, rows: [Int32(response.ids.count - 2)], into: maxima, scratch,
            hiddenGradient: activations.hiddenGradient, context)
        let gradient = model.backward(response.ids, layout, activations, Pass(), context)
        return Array(AttributionNorm.l1(gradient)[response.start...])
    }

    private func layOut(
        _ layout: SequenceLayout, _ context: Context
    ) -> (LanguageModel.Activations, HeadMaxima, HeadScratch) {
        (
            model.activations(for: layout, recording: .full, context), HeadMaxima(count: 1, in: context.arena),
            model.head.scratch(count: 1, in: context.arena)
        )
    }
}
