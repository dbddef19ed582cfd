import ArgumentParser

// Commands that use a model. The engine's program does them and owns their options; `hone score --help` shows its help.

struct Score: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the log-probability of every response token of preference rows.")

    @Argument(parsing: .captureForPassthrough) var arguments: [String] = []

    func run() throws { try Engine.become(["score"] + arguments) }
}

struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Let a model continue a text.")

    @Argument(parsing: .captureForPassthrough) var arguments: [String] = []

    func run() throws { try Engine.become(["generate"] + arguments) }
}

struct Importance: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Write which response tokens TI-DPO finds important.")

    @Argument(parsing: .captureForPassthrough) var arguments: [String] = []

    func run() throws { try Engine.become(["importance"] + arguments) }
}

struct Compress: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Compress a text into soft tokens.")

    @Argument(parsing: .captureForPassthrough) var arguments: [String] = []

    func run() throws { try Engine.become(["compress"] + arguments) }
}

struct Ask: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Answer questions about compressed texts.")

    @Argument(parsing: .captureForPassthrough) var arguments: [String] = []

    func run() throws { try Engine.become(["ask"] + arguments) }
}
