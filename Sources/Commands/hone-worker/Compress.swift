import ArgumentParser
import ContextCompression
import DurableFiles
import JobModel
import Transformer

/// `hone compress`: a text becomes soft tokens.
struct Compress: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compress a text into soft tokens.",
        usage: "hone compress --model DIR --input FILE --output FILE.gmsa.safetensors [--rate N] [--append] [OPTIONS]",
        discussion: """
              hone compress --model runs/9-gmsa/artifacts --input report.txt --rate 4 --output report.gmsa.safetensors
              hone compress --model runs/9-gmsa/artifacts --input monday.txt --output week.gmsa.safetensors --append
              hone compress --model runs/9-gmsa/artifacts --input tuesday.txt --output week.gmsa.safetensors --append

            With --append the file keeps what the compressor remembers, and a text is added to the end of the one that is \
            there: groups of tokens that are finished are not computed again. An appended text is tokenized by itself.
            """)

    @OptionGroup var compressor: CompressorOptions

    @Option(help: ArgumentHelp("The text, in UTF-8.", valueName: "file"))
    var input: String

    @Option(help: ArgumentHelp("Where the soft tokens go.", valueName: "file"))
    var output: String

    @Option(help: ArgumentHelp("Tokens for one soft token (default: the first trained rate).", valueName: "n"))
    var rate: Int?

    @Option(
        help: ArgumentHelp(
            "Cut the text into segments of so many tokens that are compressed apart (default: as in training).",
            valueName: "n"))
    var segment: Int?

    @Flag(help: "Add to the text in the output, or begin one that can be added to.")
    var append = false

    @Flag(help: "Print the statistics as one JSON object.")
    var json = false

    func validate() throws {
        if let rate, rate < 1 { throw ValidationError("--rate: expected at least 1, found \(rate)") }
        if let segment, segment < 1 { throw ValidationError("--segment: expected at least 1, found \(segment)") }
    }

    func run() throws {
        let opened = try compressor.open()
        let text = try readText(input)
        let ids = opened.tokens(of: text)
        guard !ids.isEmpty else { throw Refusal("\(input): the context has no tokens; there is nothing to compress") }
        let start = ContinuousClock.now
        var context = try before(opened)
        context?.origin.textDigests.append(SHA256.hex(of: text))
        if var grown = context {
            try opened.compressor.append(ids, to: &grown)
            context = grown
        }
        let compressed = try context ?? whole(ids, text, opened)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        noteOverlap(compressed, opened)
        try compressed.write(to: output)
        try report(compressed, added: ids.count, textBytes: text.utf8.count, seconds: seconds)
    }

    private func whole(_ ids: [Int32], _ text: String, _ opened: OpenCompressor) throws -> CompressedContext {
        var origin = origin(opened)
        origin.textDigests = [SHA256.hex(of: text)]
        if segmentLength(opened) == nil, ids.count > opened.base.contextLength {
            throw Refusal(
                "\(input): \(ids.count) tokens are beyond the \(opened.base.contextLength) positions of the model; "
                    + "cut it with --segment \(min(512, opened.base.contextLength))")
        }
        return try opened.compressor.compress(ids, origin)
    }

    /// What is appended to; nil without --append.
    private func before(_ opened: OpenCompressor) throws -> CompressedContext? {
        guard append else { return nil }
        guard fileKind(output) != .missing else { return try opened.compressor.empty(origin(opened)) }
        let context = try opened.context(output)
        for (option, asked, found) in [
            ("--rate", rate, context.origin.groupSize), ("--segment", segment, context.origin.segmentLength),
        ] {
            if let asked, asked != found { throw Refusal("\(output): it was made with \(option) \(found), not \(asked)") }
        }
        return context
    }

    private func origin(_ opened: OpenCompressor) -> CompressedContext.Origin {
        let rate = rate ?? opened.record.rates.first ?? 4
        if !opened.record.rates.contains(rate) {
            let trained = opened.record.rates.map { "\($0)" }.joined(separator: ", ")
            complain("note: rate \(rate) was not trained (\(trained)); answers may be worse")
        }
        return CompressedContext.Origin(
            compressor: opened.digest, tokenizer: opened.tokenizerDigest, stage: opened.record.stage,
            baseModel: opened.record.base.id, groupSize: rate,
            remainder: opened.record.settings.remainder, segmentLength: segmentLength(opened) ?? opened.base.contextLength)
    }

    /// As asked, or as in training; nil where neither says anything.
    private func segmentLength(_ opened: OpenCompressor) -> Int? { segment ?? opened.record.segment?.tokens }

    /// Segments are cut end to end here.
    private func noteOverlap(_ context: CompressedContext, _ opened: OpenCompressor) {
        guard let overlap = opened.record.segment?.overlap, overlap > 0,
            context.tokenCount > context.origin.segmentLength
        else { return }
        complain(
            "note: segments overlapped by \(overlap) tokens in training and do not here; answers may be worse")
    }

    private func report(_ context: CompressedContext, added: Int, textBytes: Int, seconds: Double) throws {
        let statistics = Statistics(
            tokens: context.tokenCount, addedTokens: added, softTokens: context.count, ratio: context.ratio,
            rate: context.origin.groupSize, segmentTokens: context.origin.segmentLength, seconds: seconds,
            textBytes: textBytes, fileBytes: try fileSize(output), output: output)
        if json {
            say(String(decoding: try JSONCoding.encode(statistics), as: UTF8.self) + "\n")
        } else {
            say(statistics.line + "\n")
        }
    }
}

/// What `hone compress` tells.
private struct Statistics: Encodable {
    let tokens, addedTokens, softTokens: Int
    let ratio: Double
    let rate, segmentTokens: Int
    let seconds: Double
    let textBytes, fileBytes: Int
    let output: String

    var line: String {
        let ratio = (ratio * 100).rounded() / 100
        let time = (seconds * 1000).rounded() / 1000
        return "\(tokens) tokens in, \(softTokens) soft tokens out, ratio \(ratio), \(time) s: \(output), \(fileBytes) bytes"
    }
}

extension OpenCompressor {
    /// Soft tokens from a file, refused when another compressor made them.
    func context(_ path: String) throws -> CompressedContext {
        let context = try CompressedContext(file: path)
        guard context.origin.compressor == digest else {
            throw Refusal(
                "\(path): it was made by another compressor (\(context.origin.compressor.prefix(12))… of "
                    + "\(context.origin.baseModel)) than \(folder) (\(digest.prefix(12))…); make it again with hone compress")
        }
        return context
    }
}
