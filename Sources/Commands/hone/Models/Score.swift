import ArgumentParser

struct Score: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write per-token log-probabilities of responses.",
        discussion: """
            Reads prompt/chosen/rejected rows and writes one JSON line for each with the log-probability of every \
            response token.

              hone score --model smollm2 --data pairs.jsonl --output scores.jsonl
            """)

    @OptionGroup var model: ModelOptions

    @Option(help: ArgumentHelp("Rows with prompt, chosen and rejected.", valueName: "file"))
    var data: String

    @Option(help: ArgumentHelp("Where the scores go.", valueName: "file"))
    var output: String

    func run() throws {
        try WorkerProgram.become(["score"] + model.arguments + ["--data", data, "--output", output])
    }
}
