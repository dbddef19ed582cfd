import ArgumentParser

struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let a model continue a text.",
        discussion: """
              hone generate --model runs/7-smol/artifacts --prompt "Once upon a time"
              hone generate --model base --adapter runs/8-lora/artifacts --prompt "Hello" --temperature 0.8 --top-p 0.95
            """)

    @OptionGroup var model: ModelOptions

    @Option(help: ArgumentHelp("The text to continue.", valueName: "text"))
    var prompt: String

    @Option(help: ArgumentHelp("Most tokens to write.", valueName: "n"))
    var maxNew: Int?

    @Option(help: ArgumentHelp("0 takes the likeliest token every time (default).", valueName: "t"))
    var temperature: Double?

    @Option(help: ArgumentHelp("Sample among the k likeliest tokens.", valueName: "k"))
    var topK: Int?

    @Option(help: ArgumentHelp("Sample among the likeliest tokens that make up this probability.", valueName: "p"))
    var topP: Double?

    @Option(help: ArgumentHelp("The same seed samples the same text.", valueName: "n"))
    var seed: UInt64?

    @OptionGroup var output: JSONOption

    func run() throws {
        try WorkerProgram.become(
            ["generate"] + (output.json ? ["--json"] : []) + model.arguments + ["--prompt", prompt]
                + argument("--max-new", maxNew.map(String.init))
                + argument("--temperature", temperature.map { "\($0)" }) + argument("--top-k", topK.map(String.init))
                + argument("--top-p", topP.map { "\($0)" }) + argument("--seed", seed.map(String.init)))
    }
}
