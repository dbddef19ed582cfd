import ArgumentParser
import DurableFiles
import Foundation
import Glibc
import JobModel

struct Edit: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Change the specification of a waiting job.",
        discussion: """
            What a job is never changes, so another job with a new number takes its place, and the old one is cancelled. \
            Without --file, $VISUAL or $EDITOR is opened on the file as it was submitted.

              hone edit 42
              hone edit 42 --file better.yaml
            """)

    @Argument(help: ArgumentHelp("Number or name.", valueName: "job"))
    var job: String

    @Option(help: ArgumentHelp("The new specification.", valueName: "file"))
    var file: String?

    @OptionGroup var silence: QuietOption
    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    func run() throws {
        let client = DaemonClient(root.place)
        let path = "/v1/jobs/\(DaemonClient.segment(job))"
        guard let bytes = try newSpecification(client, path) else {
            return silence.quiet ? () : Terminal.say("nothing was changed")
        }
        let answer = try askingDaemon {
            try client.post(ControlAnswer.self, "\(path)/edit", bytes, patience: DaemonClient.measuringPatience)
        }
        if output.json { return try printJSON(answer) }
        if !silence.quiet { Terminal.say(answer.line) }
    }

    private func newSpecification(_ client: DaemonClient, _ path: String) throws -> [UInt8]? {
        if let file { return try SpecificationFile.read(file).bytes }
        let source = try askingDaemon { try client.request("GET", "\(path)/source") }
        let scratch = FileManager.default.temporaryDirectory.appending(path: "hone-\(UUID().uuidString).yaml").path
        try durableCreate(source, at: scratch)
        defer { unlink(scratch) }
        try openEditor(scratch)
        let edited = try SpecificationFile.read(scratch).bytes
        return edited == source ? nil : edited
    }

    private func openEditor(_ path: String) throws {
        let environment = ProcessInfo.processInfo.environment
        let editor = environment["VISUAL"] ?? environment["EDITOR"] ?? "vi"
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", "\(editor) \"$1\"", "sh", path]
        do {
            try process.run()
        } catch {
            Terminal.complain("\(editor) cannot be started: \(error)")
            throw ExitCode.usage
        }
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            Terminal.complain("\(editor) ended with \(process.terminationStatus); nothing was changed")
            throw ExitCode.refused
        }
    }
}
