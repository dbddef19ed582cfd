import Compute
import ContextCompression
import DurableFiles
import Safetensors
import TestFolders
import TestSupport
import Testing
import Transformer

/// Compressed texts: growing one equals compressing it whole, and files are read as they were written or refused.
@Suite struct CompressedContextTests {
    private let team: ThreadTeam
    private let folder: TestFolder

    init() throws {
        team = try ThreadTeam(threads: 2)
        folder = try TestFolder()
    }

    private var path: String { folder.path + "/text.gmsa.safetensors" }

    private func compressor(
        _ kind: TinyModel = .untied, _ settings: CompressorSettings = .tiny
    ) throws -> ContextCompressor {
        let autoencoder = try kind.autoencoder(settings, team: team)
        return ContextCompressor(autoencoder.compressor, of: autoencoder.decoder.model, team: team)
    }

    private func origin(
        rate: Int = 3, segment: Int = 64, _ remainder: GroupLayout.Remainder = .mean
    ) -> CompressedContext.Origin {
        CompressedContext.Origin(
            compressor: "abc", tokenizer: "def", stage: .finetune, baseModel: "tiny", groupSize: rate,
            remainder: remainder, segmentLength: segment, textDigests: ["d1"])
    }

    private let text = tinyTokens(23, seed: 5)

    @Test(arguments: TinyModel.allCases) func softTokensAreTheCompressors(_ kind: TinyModel) throws {
        let autoencoder = try kind.autoencoder(team: team)
        let sample = CompressionSample(restating: text, groupSize: 3, prompt: [], end: 2)
        let run = try CompressionRun(autoencoder, [sample], recording: .none, team: team)
        run.forward()
        let compressor = ContextCompressor(autoencoder.compressor, of: autoencoder.decoder.model, team: team)
        let compressed = try compressor.compress(text, origin())
        #expect(compressed.softTokens.map { Double($0) } == run.softTokens.doubles)
        #expect(compressed.count == 8 && compressed.tokenCount == 23)
    }

    /// Pieces that end within a group, at its end and in another segment.
    @Test(
        arguments: GroupLayout.Remainder.allCases,
        [(3, 64), (4, 10), (1, 64), (5, 5), (7, 6), (64, 64)] as [(Int, Int)])
    func appendedEqualsWhole(_ remainder: GroupLayout.Remainder, _ cut: (rate: Int, segment: Int)) throws {
        var settings = CompressorSettings.tiny
        settings.remainder = remainder
        let compressor = try compressor(.windowed, settings)
        let origin = origin(rate: cut.rate, segment: cut.segment, remainder)
        var grown = try compressor.empty(origin)
        for (start, end) in [(0, 1), (1, 6), (6, 7), (7, 10), (10, 22), (22, 23)] {
            try compressor.append(Array(text[start..<end]), to: &grown)
            let prefix = Array(text[..<end])
            let keepsNothing = remainder == .drop && end < min(cut.rate, cut.segment) || cut.rate > cut.segment && remainder == .drop
            if keepsNothing || cut.rate == 64 && remainder == .drop {
                #expect(grown.softTokens.isEmpty)
                continue
            }
            let whole = try compressor.compress(prefix, origin)
            #expect(grown.count == whole.count && grown.tokenCount == end)
            #expect(
                mismatch(
                    grown.softTokens.map { Double($0) }, whole.softTokens.map { Double($0) },
                    limit: isDoublePrecision ? 1e-10 : 1e-5, "soft tokens") == nil)
        }
    }

    @Test func longTextsGrowInPieces() throws {
        let compressor = try compressor(.headNorms)
        let long = tinyTokens(700, seed: 9)
        var grown = try compressor.empty(origin(rate: 1, segment: 60))
        try compressor.append(long, to: &grown)
        let whole = try compressor.compress(long, origin(rate: 1, segment: 60))
        #expect(grown.count == 700)
        #expect(
            mismatch(
                grown.softTokens.map { Double($0) }, whole.softTokens.map { Double($0) },
                limit: isDoublePrecision ? 1e-10 : 1e-5, "soft tokens") == nil)
    }

    @Test func finishedGroupsKeepTheirBits() throws {
        let compressor = try compressor()
        var grown = try compressor.empty(origin())
        try compressor.append(Array(text.prefix(11)), to: &grown)
        let before = grown.softTokens
        try compressor.append(Array(text.dropFirst(11)), to: &grown)
        // Three whole groups of three; the fourth had two tokens and is another now.
        #expect(Array(before.prefix(3 * 16)) == Array(grown.softTokens.prefix(3 * 16)))
        #expect(Array(before.suffix(16)) != Array(grown.softTokens[3 * 16..<4 * 16]))
    }

    @Test(arguments: [11, 12, 20, 21]) func fileGoesOnWhereItEnded(_ length: Int) throws {
        let compressor = try compressor(.headNorms)
        var first = try compressor.empty(origin(segment: 10))
        try compressor.append(Array(text.prefix(length)), to: &first)
        try first.write(to: path)
        var read = try CompressedContext(file: path)
        if !isDoublePrecision { #expect(read == first) }
        #expect(try compressor.compress(Array(text.prefix(length)), origin(segment: 10)).count == read.count)
        try compressor.append(Array(text.dropFirst(length)), to: &read)
        try compressor.append(Array(text.dropFirst(length)), to: &first)
        if isDoublePrecision {
            #expect(read.count == first.count)
        } else {
            #expect(read.softTokens == first.softTokens)
        }
    }

    @Test func sameTextSameBytes() throws {
        let compressor = try compressor()
        try compressor.compress(text, origin()).write(to: path)
        let bytes = try readFile(path)
        try compressor.compress(text, origin()).write(to: path)
        #expect(try readFile(path) == bytes)
        let read = try CompressedContext(file: path)
        #expect(read.state == nil && read.origin == origin() && read.ratio == 23.0 / 8)
        #expect(throws: CompressionError.cannotGrow) {
            var closed = read
            try compressor.append(text, to: &closed)
        }
        #expect(try directoryNames(folder.path) == ["text.gmsa.safetensors"])
    }

    @Test func badInput() throws {
        let compressor = try compressor()
        #expect(throws: CompressionError.emptyContext(sample: 0)) { try compressor.compress([], origin()) }
        #expect(throws: CompressionError.groupSizeOutOfRange(sample: 0, found: 0)) {
            try compressor.compress(text, origin(rate: 0))
        }
        #expect(throws: CompressionError.segmentOutOfRange(found: 0)) {
            try compressor.compress(text, origin(segment: 0))
        }
        #expect(throws: CompressionError.contextTooLong(length: 65, limit: 64)) {
            try compressor.compress(tinyTokens(65, seed: 1), origin(segment: 100))
        }
        #expect(throws: ModelError.tokenOutOfRange(token: 23, vocabularySize: 23)) {
            try compressor.compress([3, 23], origin())
        }
        var grown = try compressor.empty(origin())
        #expect(throws: CompressionError.emptyContext(sample: 0)) { try compressor.append([], to: &grown) }
    }

    @Test func memoryTokensDoNotGrow() throws {
        var settings = CompressorSettings.tiny
        (settings.merge, settings.memoryTokenCount) = (.memoryTokens, 20)
        let compressor = try compressor(.untied, settings)
        #expect(throws: CompressionError.cannotGrow) { try compressor.empty(origin()) }
        #expect(try compressor.compress(text, origin()).count == 8)
    }

    @Test func everyDamagedByteIsRefused() throws {
        let compressor = try compressor()
        var grown = try compressor.empty(origin())
        try compressor.append(Array(text.prefix(5)), to: &grown)
        try grown.write(to: path)
        let bytes = try readFile(path)
        for place in stride(from: 0, to: bytes.count, by: 37) {
            var damaged = bytes
            damaged[place] ^= 0x10
            try durableWrite(damaged, to: path)
            #expect(throws: (any Error).self, "byte \(place)") { try CompressedContext(file: path) }
        }
        for length in [0, 7, 100, bytes.count - 1] {
            try durableWrite(Array(bytes.prefix(length)), to: path)
            #expect(throws: SafetensorsError.self, "\(length) bytes") { try CompressedContext(file: path) }
        }
        try durableWrite(bytes, to: path)
        #expect(try CompressedContext(file: path).tokenCount == 5)
    }

    @Test func otherSafetensorsFilesAreRefused() throws {
        var file = try HashingFile(creating: path)
        try SafetensorsWriter.write([TensorToWrite(name: "x", shape: [1], floats: [1])], to: &file)
        _ = try file.finish(name: "x")
        #expect {
            try CompressedContext(file: path)
        } throws: { "\($0)".contains("soft-token file") }
    }

    /// A file of another version of the format, and words that the format has not.
    @Test func otherVersionsAndWordsAreRefused() throws {
        let tensors = [TensorToWrite(name: "soft_tokens", shape: [1, 1], floats: [1])]
        var metadata = [
            "format": "pt", "gmsa_soft_tokens": "1", "compressor_sha256": "abc", "base_model": "tiny", "rate": "4",
            "remainder": "mean", "segment_tokens": "64", "tokens": "4", "text_sha256": "d1", "content_sha256": "",
        ]
        func refusal() throws -> String {
            try durableWrite(to: path) { try SafetensorsWriter.write(tensors, metadata: metadata, to: &$0) }
            let error = try #require(throws: SafetensorsError.self) { try CompressedContext(file: path) }
            return "\(error)"
        }
        let old = try refusal()
        #expect(old.contains("found gmsa_soft_tokens \"1\", expected 2") && old.contains("hone compress"), "\(old)")
        metadata["gmsa_soft_tokens"] = "2"
        #expect(try refusal().contains("tokenizer_sha256"))
        metadata["tokenizer_sha256"] = "def"
        metadata["stage"] = "third"
        #expect(try refusal().contains("one of autoencoding, finetune"))
    }

    @Test func digestTellsCompressorsApart() throws {
        let autoencoder = try TinyModel.untied.autoencoder(team: team)
        let record = CompressorRecord(
            stage: .autoencoding, base: CompressorRecord.Base(id: "tiny", sha256: "abc"),
            settings: autoencoder.compressor.settings, rates: [4], decoderTraining: "none", restatement: "Again.")
        let compressor = autoencoder.compressor
        let digest = compressor.digest(record, tokenizer: "t")
        var finetuned = record
        (finetuned.stage, finetuned.decoderTraining, finetuned.metrics) = (.finetune, "qkv", ["eval_loss": 1])
        #expect(compressor.digest(finetuned, tokenizer: "t") == digest)
        #expect(compressor.digest(record, tokenizer: "u") != digest)
        var otherBase = record
        otherBase.base.sha256 = "abd"
        #expect(compressor.digest(otherBase, tokenizer: "t") != digest)
        compressor.parameters.values[0, 7] += 0.5
        #expect(compressor.digest(record, tokenizer: "t") != digest)
    }
}
