import ArgumentParser
import JobModel
import Supervision

/// Which daemon's files a command works on.
struct RootOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Everything lies under DIR (default: $HONE_ROOT, else the system's directories).", valueName: "dir"))
    var root: String?

    /// The places.
    var place: Root { .named(root) }
}

/// For programs that read the output.
struct JSONOption: ParsableArguments {
    @Flag(help: "Print JSON for programs.")
    var json = false
}

/// For programs that only want the exit status.
struct QuietOption: ParsableArguments {
    @Flag(name: [.short, .long], help: "Print nothing; the exit status tells.")
    var quiet = false
}

/// Prints a value as JSON with sorted keys, one line.
func printJSON(_ value: some Encodable) throws {
    Terminal.say(String(decoding: try JSONCoding.encode(value), as: UTF8.self))
}
