import ArgumentParser
import Foundation
import JobModel
import Tokenization

/// How long a tokenizer takes to load, and how fast it turns a text into ids and back, on one core.
struct TimedTokenization: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize", abstract: "Times loading of tokenizers, encoding and decoding of a text.",
        discussion: "One JSON line for each tokenizer, with the median of the repetitions. Every repetition loads "
            + "the tokenizer anew, so that none finds words that another one has met.")

    @Argument(help: "A text in UTF-8.") var text: String
    @Argument(help: "Folders with a tokenizer.json.") var tokenizers: [String]
    @Option(help: "Timed repetitions.") var repeats = 5
    @Flag(help: "Encode the paragraphs one by one, as rows of a dataset are, not the text as a whole.")
    var paragraphs = false

    func run() throws {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: text))
        guard let whole = String(data: bytes, encoding: .utf8) else {
            throw ValidationError("\(text): expected UTF-8")
        }
        let texts = paragraphs ? whole.components(separatedBy: "\n\n") : [whole]
        for folder in tokenizers {
            let figures = try Figures(folder, texts, repeats: repeats)
            print(String(decoding: try JSONCoding.encode(figures), as: UTF8.self))
        }
    }
}

/// Figures of one tokenizer.
private struct Figures: Encodable {
    let tokenizer: String
    let fileBytes: Int
    let textBytes: Int
    let texts: Int
    let tokens: Int
    let loadSeconds: Double
    let encodeSeconds: Double
    let decodeSeconds: Double
    /// Millions of bytes of text in a second.
    let encodeMbPerSecond: Double
    let decodeMbPerSecond: Double

    init(_ folder: String, _ texts: [String], repeats: Int) throws {
        let file = URL(fileURLWithPath: folder).appendingPathComponent("tokenizer.json")
        let clock = ContinuousClock()
        var times: (load: [Double], encode: [Double], decode: [Double]) = ([], [], [])
        var ids: [[Int32]] = []
        for _ in 0..<max(repeats, 1) {
            var loaded: Tokenizer?
            times.load.append(try clock.measure { loaded = try Tokenizer(directory: folder) } / .seconds(1))
            guard let tokenizer = loaded else { preconditionFailure("a tokenizer that was loaded is there") }
            times.encode.append(
                clock.measure { ids = texts.map { tokenizer.encode($0, addSpecialTokens: false) } } / .seconds(1))
            var length = 0
            times.decode.append(
                clock.measure {
                    for ids in ids { length += tokenizer.decode(ids, skipSpecialTokens: false).utf8.count }
                } / .seconds(1))
            guard length > 0 || texts.allSatisfy(\.isEmpty) else { throw ValidationError("\(folder): decoded nothing") }
        }
        tokenizer = URL(fileURLWithPath: folder).lastPathComponent
        fileBytes = try Data(contentsOf: file).count
        textBytes = texts.reduce(0) { $0 + $1.utf8.count }
        self.texts = texts.count
        tokens = ids.reduce(0) { $0 + $1.count }
        loadSeconds = Self.median(times.load)
        encodeSeconds = Self.median(times.encode)
        decodeSeconds = Self.median(times.decode)
        encodeMbPerSecond = Double(textBytes) / 1e6 / encodeSeconds
        decodeMbPerSecond = Double(textBytes) / 1e6 / decodeSeconds
    }

    private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
}
