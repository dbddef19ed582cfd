import Compute
import DurableFiles
import JSON
import TestFolders
import TestSupport
import Testing
import Transformer

/// Real pretrained models and the numbers that transformers computes with them in float32.
@Suite struct PretrainedModelTests {
    static let folders: [String] = {
        let root = sharedFolder + "/models"
        let names = (try? directoryNames(root)) ?? []
        return names.sorted().map { root + "/" + $0 }.filter { exists($0 + "/golden.json") }
    }()

    @Test(.enabled(if: !folders.isEmpty, "needs the models in HONE_SHARED"), arguments: folders)
    func logProbabilitiesAndGreedyTokens(_ folder: String) throws {
        let team = try ThreadTeam(threads: 2)
        let model = try LanguageModel(folder: folder, team: team)
        let golden = try JSONFields(
            JSONValue.read(folder + "/golden.json", hint: "golden numbers of a model"), file: folder)
        for example in try objects(golden, "cases") {
            let ids = try integers(example, "ids")
            let run = try ModelRun(model, sequences: [ids], recording: .none, team: team)
            run.forward()
            let expected = try numbers(example, "token_logprobs")
            #expect(mismatch(run.logProbabilities, expected, limit: 1e-4, "log-probabilities") == nil)
            let logits = try run.logits(rows: ids.count - 1..<ids.count)
            #expect(mismatch(logits, try numbers(example, "last_logits"), limit: 1e-3, "logits") == nil)
            let greedy = try integers(example, "greedy_ids")
            // The golden continuations run on past the end of a story.
            let request = GenerationRequest(prompts: [ids], maximumNewTokens: greedy.count - ids.count)
            let bytes = try model.generationByteCount(request, team: team)
            let context = Context(arena: try Arena(byteCount: bytes), team: team, gradients: [])
            #expect(try model.generate(request, Pass(), context) == [Array(greedy.dropFirst(ids.count))])
        }
    }

    @Test(.enabled(if: !folders.isEmpty, "needs the models in HONE_SHARED"), arguments: folders)
    func responseLogProbabilities(_ folder: String) throws {
        let team = try ThreadTeam(threads: 2)
        let model = try LanguageModel(folder: folder, team: team)
        let golden = try JSONFields(
            JSONValue.read(folder + "/golden.json", hint: "golden numbers of a model"), file: folder)
        for pair in try objects(golden, "pairs") {
            for side in ["chosen", "rejected"] {
                let row = try #require(try pair.object(side))
                let ids = try integers(row, "ids")
                let start = try row.requiredCount("prompt_len")
                let run = try ModelRun(model, sequences: [ids], recording: .none, team: team)
                run.forward()
                let actual = Array(run.logProbabilities[(start - 1)...])
                let expected = try numbers(row, "token_logprobs")
                #expect(mismatch(actual, expected, limit: 1e-4, "log-probabilities of \(side)") == nil)
            }
        }
    }

    private func objects(_ fields: JSONFields, _ key: String) throws -> [JSONFields] {
        guard case .array(let items)? = fields.value(key) else { return [] }
        return try items.map { try JSONFields($0, file: fields.file) }
    }

    private func numbers(_ fields: JSONFields, _ key: String) throws -> [Double] {
        guard case .array(let items)? = fields.value(key) else { return [] }
        return items.map { item in
            switch item {
            case .integer(let number): Double(number)
            case .number(let number): number
            default: .nan
            }
        }
    }

    private func integers(_ fields: JSONFields, _ key: String) throws -> [Int32] { try fields.tokenIDs(key) }
}
