import ChatTemplates
import Compute
import DurableFiles
import Foundation
import JobModel
import SeededRandom
import Supervision
import TestFolders
import Testing
import Training
import Transformer

@testable import ContextCompression
@testable import Datasets

/// Files that lie in a folder somebody else may have made: written there, then opened as the programs do.
extension FuzzTests {
    @Test func commaSeparatedValues() throws {
        let scratch = try TestFolder()
        fuzz("rows.csv", FileSeeds.commaSeparated, words: ["\"\"", "\",", "\"\n\"", "\r\n", ",", "prompt,chosen,rejected\n"]) {
            _, text in
            let dataset = try Dataset(try scratch.write("rows.csv", text), scratch: scratch.path)
            var taken = 0
            var problem: (any Error)?
            for row in 0..<dataset.count {
                do {
                    _ = try dataset.preference(row)
                    taken += 1
                } catch {
                    problem = error
                }
            }
            if taken == 0, let problem { throw problem }
        }
    }

    @Test func chatTemplates() {
        let conversation = ChatValue.list([
            .message(role: "system", content: "Be brief."), .message(role: "user", content: "a <b> \u{E9}\n"),
            .message(role: "assistant", content: "  ok  "),
        ])
        fuzz("chat template", FileSeeds.templates, words: FileSeeds.templateWords) { _, text in
            let template = try ChatTemplate(String(decoding: text, as: UTF8.self))
            _ = try template.render(
                messages: conversation, addGenerationPrompt: true, variables: [.init("bos_token", .string("<s>"))],
                now: Date(timeIntervalSince1970: 1e9))
        }
    }

    @Test func modelConfigurations() throws {
        let scratch = try TestFolder()
        fuzz("config.json", FileSeeds.models, words: FileSeeds.modelWords) { _, text in
            _ = try scratch.write("config.json", text)
            let model = try ModelConfiguration(folder: scratch.path)
            let heads = (model.headCount, model.keyValueHeadCount, model.headDimension)
            #expect(heads.0 > 0 && heads.1 > 0 && heads.2 > 0 && heads.0 % heads.1 == 0)
            #expect(model.hiddenSize > 0 && model.layerCount > 0 && model.vocabularySize > 0 && model.normEpsilon > 0)
        }
    }

    @Test func adapterConfigurations() throws {
        let scratch = try TestFolder()
        _ = try scratch.write("config.json", Array(FileSeeds.models[0].utf8))
        let model = try ModelConfiguration(folder: scratch.path)
        _ = try scratch.write("adapter_model.safetensors", [2, 0, 0, 0, 0, 0, 0, 0] + Array("{}".utf8))
        fuzz("adapter_config.json", FileSeeds.adapters, words: FileSeeds.adapterWords) { _, text in
            _ = try scratch.write("adapter_config.json", text)
            let adapter = try AdapterFolder(scratch.path)
            #expect(adapter.settings.rank > 0)
            #expect(!adapter.findings(for: model).isEmpty, "a file without tensors is no adapter")
        }
    }

    @Test func compressorRecords() throws {
        let scratch = try TestFolder()
        fuzz("gmsa.json", FileSeeds.compressors, words: ["\"layers\"", "\"linear\"", "\"memory_tokens\"", "\"drop\"", "\"rates\""]) {
            _, text in
            _ = try scratch.write(CompressorRecord.fileName, text)
            let record = try CompressorRecord(folder: scratch.path)
            #expect(record.settings.encoderLayers > 0 && record.rates.allSatisfy { $0 >= 0 })
        }
    }

    @Test func softTokens() throws {
        let scratch = try TestFolder()
        let origin = CompressedContext.Origin(
            compressor: "abc", tokenizer: "def", stage: .autoencoding, baseModel: "tiny", groupSize: 2, remainder: .mean,
            segmentLength: 4, textDigests: ["d"])
        let original = CompressedContext(
            origin: origin, width: 2, softTokens: [1, 2, 3, 4, 5, 6], tokenCount: 6, state: nil)
        try original.write(to: "\(scratch.path)/good")
        let good = try readFile("\(scratch.path)/good")
        fuzz("soft tokens", bytes: [good], words: ["\"soft_tokens\"", "\"segment_tokens\"", "\"rate\"", "\"state.open\"", "\"F32\""]) {
            mutator, text in
            var text = text
            // Half of the headers keep a length that fits, or nearly all files would be refused at once.
            if text.count > 8, mutator.below(2) == 0, let end = text.firstIndex(of: UInt8(ascii: "}")) {
                let length = max(0, min(text.count - 8, text.lastIndex(of: UInt8(ascii: "}")) ?? end) - 7)
                for place in 0..<8 { text[place] = UInt8(truncatingIfNeeded: length >> (8 * place)) }
            }
            let read = try CompressedContext(file: try scratch.write("text.gmsa.safetensors", text))
            #expect(read == original, "its digest covers everything")
        }
    }

    @Test func checkpointManifests() throws {
        let scratch = try TestFolder()
        let place = "\(scratch.path)/step-000000003"
        try makeDirectory(place)
        let content = Array("{}".utf8)
        _ = try scratch.write("step-000000003/state.json", content)
        _ = try scratch.write("secret", content)
        let run = RunIdentity(job: 7, fence: 1, specSha256: "abc")
        let manifest = CheckpointManifest(
            run: run, step: 3, files: [WrittenFile(name: "state.json", bytes: 2, sha256: SHA256.hex(of: content))],
            metricsOffset: 9, numerics: Numerics(build: "test", team: try ThreadTeam(threads: 1)))
        let seed = String(decoding: try JSONCoding.encode(manifest), as: UTF8.self)
        fuzz("checkpoint manifest", [seed], words: ["\"../secret\"", "\"files\"", "\"step\"", "\"sha256\"", "\"bytes\"", "\"state.json\""]) {
            _, text in
            _ = try scratch.write("step-000000003/\(CheckpointManifest.fileName)", text)
            let checkpoint = try Checkpoint(verifying: place, for: run, interruption: {})
            #expect(checkpoint.step == 3 && checkpoint.manifest.job == 7 && checkpoint.manifest.specSha256 == "abc")
            #expect(checkpoint.manifest.files.allSatisfy { $0.name == "state.json" && $0.bytes == 2 })
        }
    }

    @Test func configurations() throws {
        let scratch = try TestFolder()
        fuzz("hone.yaml", FileSeeds.configurations, words: FileSeeds.configurationWords) { _, text in
            _ = try scratch.write("hone.yaml", text)
            let (configuration, origins) = try Configuration.load(.under(scratch.path))
            #expect(configuration.cpus ?? 1 >= 1 && configuration.queuedPerUser > 0 && configuration.timeLimit.value >= 0)
            #expect(configuration.shown(origins: origins).allSatisfy { $0.contains("    # ") })
        }
    }
}
