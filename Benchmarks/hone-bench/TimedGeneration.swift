import ArgumentParser
import Compute
import JobModel
import Training
import Transformer

/// Greedy continuation of prompts by the code of `hone generate` and of anchors.
struct TimedGeneration: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "generate", abstract: "Times greedy generation.")

    @Argument(help: "A model folder.") var model: String
    @Option(help: "Prompts that are continued together.") var batch = 1
    @Option(help: "Tokens of each prompt.") var prompt = 256
    @Option(help: "New tokens of each.") var new = 128
    @Option(help: "In what weights of the model's file are multiplied.") var precision = Precision.fp32
    @OptionGroup var repetitions: Repetitions

    func run() throws {
        let team = try ThreadTeam(threads: repetitions.threads, products: precision.products)
        let model = try LanguageModel(folder: model, team: team)
        let vocabulary = model.configuration.vocabularySize
        let stream = RandomStream(seed: 7, stream: 0)
        let prompts = (0..<batch).map { row in
            (0..<prompt).map { 3 + Int32(stream.uniform(UInt64(row * prompt + $0)) * Double(vocabulary - 3)) }
        }
        let request = GenerationRequest(prompts: prompts, maximumNewTokens: new)
        let bytes = try model.generationByteCount(request, team: team)
        let context = Context(arena: try Arena(byteCount: bytes), team: team, gradients: [])
        let seconds = try seconds(repetitions) { _ = try model.generate(request, Pass(), context) }
        try Measurement(seconds: seconds, tokens: batch * new, threads: team.threads).write()
    }
}
