import ArgumentParser
import Compute
import Datasets
import JobModel
import Training
import Transformer

/// Log-probabilities of pairs under a frozen model, as the reference cache is filled.
struct TimedScoring: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "score", abstract: "Times scoring of pairs.")

    @Argument(help: "A model folder.") var model: String
    @Argument(help: "JSON Lines with prompt, chosen and rejected.") var data: String
    @Option(help: "Pairs that are scored at a time.") var pairs = 4
    @Option(help: "In what the model is multiplied.") var precision = Precision.fp32
    @OptionGroup var repetitions: Repetitions

    func run() throws {
        let team = try ThreadTeam(threads: repetitions.threads, products: precision.products)
        let opened = try LanguageModel(folder: model, team: team)
        let folder = ModelFolder(model)
        let encoder = PairEncoder(
            codec: try TextCodec(folder, folder.tokenizer(), opened.configuration),
            settings: EncodingSettings(maximumLength: opened.contextLength))
        let examples = try PairExamples(Dataset(data), encoder) {}
        let reference = ReferenceModel(opened, isStart: false)
        let workspace = Workspace(team: team)
        var next = 0
        var tokens = 0
        let seconds = try seconds(repetitions) {
            let rows = (0..<pairs).map { (next + $0) % examples.count }
            next += pairs
            let batch = PreferenceBatch(try rows.map { try examples.pair($0) }, sharesPrompts: true)
            tokens = batch.packed.ids.count
            _ = try reference.score(batch, workspace)
        }
        try Measurement(seconds: seconds, tokens: tokens, threads: team.threads).write()
    }
}
