import ArgumentParser
import Compute
import ContextCompression
import Glibc
import JobModel
import Tokenization
import Transformer

/// `hone ask`: questions about compressed texts.
struct Ask: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answer questions about compressed texts.",
        usage: "hone ask --model DIR --context FILE... [--question TEXT...] [OPTIONS]",
        discussion: """
              hone ask --model runs/10-keft/artifacts --context report.gmsa.safetensors --question "Who wrote it?"
              hone ask --model runs/10-keft/artifacts --context a.gmsa.safetensors --context b.gmsa.safetensors
              hone ask --model runs/9-gmsa/artifacts --context report.gmsa.safetensors --restate
              hone ask --model runs/10-keft/artifacts --plain report.txt --question "Who wrote it?"

            Without --question it answers line by line what standard input asks. The contexts are read once, whatever the \
            number of questions; each question sees the contexts and none of the other questions.
            """)

    @OptionGroup var compressor: CompressorOptions

    @Option(help: ArgumentHelp("Soft tokens of hone compress; several are read one after the other.", valueName: "file"))
    var context: [String] = []

    @Option(help: ArgumentHelp("A plain text that is read after the soft tokens, or instead of some.", valueName: "file"))
    var plain: [String] = []

    @Option(help: ArgumentHelp("A question; may be repeated.", valueName: "text"))
    var question: [String] = []

    @Flag(help: "Ask for the text itself, as in the compressor's training.")
    var restate = false

    @Option(help: ArgumentHelp("Most tokens of an answer.", valueName: "n"))
    var maxNew = 100

    @OptionGroup var sampling: SamplingOptions

    @Flag(help: "Print one JSON object for each question.")
    var json = false

    func validate() throws {
        guard !context.isEmpty || !plain.isEmpty else {
            throw ValidationError("expected at least one --context (made by hone compress) or --plain text")
        }
        guard maxNew > 0 else { throw ValidationError("--max-new: expected at least 1, found \(maxNew)") }
        if restate, !question.isEmpty { throw ValidationError("expected --restate or --question, found both") }
    }

    func run() throws {
        let opened = try compressor.open()
        let contexts = try context.map { try opened.context($0) }
        let texts = try plain.map { path in
            let ids = opened.tokens(of: try readText(path))
            guard !ids.isEmpty else { throw Refusal("\(path): the context has no tokens; there is nothing to ask about") }
            return ids
        }
        var reader = try ContextReader(opened, contexts, texts, maximumNewTokens: maxNew, sampling: sampling.settings)
        if restate {
            try answer(.restatement, &reader)
        } else if question.isEmpty {
            try answerLines(&reader)
        } else {
            for text in question { try answer(.question(text), &reader) }
        }
    }

    /// Every line of standard input is a question.
    private func answerLines(_ reader: inout ContextReader) throws {
        let isInteractive = isatty(0) == 1
        if isInteractive { complain("\(reader.prefixLength) positions of context. One question a line; Ctrl-D ends.") }
        while true {
            if isInteractive { say("> ") }
            guard let line = readLine() else { break }
            guard !line.isEmpty else { continue }
            do {
                try answer(.question(line), &reader)
            } catch let refusal as Refusal where isInteractive {
                complain("\(refusal)")
            }
        }
        if isInteractive { say("\n") }
    }

    private func answer(_ request: ContextReader.Request, _ reader: inout ContextReader) throws {
        let answer = try reader.answer(request) { if !json { say($0) } }
        say(json ? String(decoding: try JSONCoding.encode(answer), as: UTF8.self) + "\n" : "\n")
    }
}
