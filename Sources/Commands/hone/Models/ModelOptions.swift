import ArgumentParser

/// Which model a command uses, and how.
struct ModelOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A Hugging Face model directory.", valueName: "dir"))
    var model: String

    @Option(help: ArgumentHelp("A PEFT adapter directory on top of it.", valueName: "dir"))
    var adapter: String?

    @Option(help: ArgumentHelp("Threads (default: all cores).", valueName: "n"))
    var threads: Int?

    /// The same options for the worker.
    var arguments: [String] {
        ["--model", model] + argument("--adapter", adapter) + argument("--threads", threads.map(String.init))
    }
}

/// An option and its value, or nothing.
func argument(_ name: String, _ value: String?) -> [String] { value.map { [name, $0] } ?? [] }
