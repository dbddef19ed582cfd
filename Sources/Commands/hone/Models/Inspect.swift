import ArgumentParser

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what a checkpoint, adapter, tokenizer or dataset is, and what is wrong with it.")

    @Argument(parsing: .captureForPassthrough) var arguments: [String] = []

    func run() throws { try Engine.become(["inspect"] + arguments) }
}
