import ArgumentParser
import Foundation
import JobModel
import Supervision

/// Which daemon's files a command works on.
struct RootOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Everything lies under DIR (default: $HONE_ROOT, else the system's directories).", valueName: "dir"))
    var root: String?

    /// The places.
    var place: Root {
        let directory = root ?? ProcessInfo.processInfo.environment["HONE_ROOT"] ?? ""
        return directory.isEmpty ? .system : .under(absolutePath(directory))
    }
}

/// For programs that read the output.
struct JSONOption: ParsableArguments {
    @Flag(help: "Print JSON for programs.")
    var json = false
}

/// A path as seen from where the command was typed.
func absolutePath(_ path: String) -> String {
    path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
}

/// Prints a value as JSON with sorted keys, one line.
func printJSON(_ value: some Encodable) throws {
    Terminal.say(String(decoding: try JSONCoding.encode(value), as: UTF8.self))
}
