import ArgumentParser
import DurableFiles
import JobModel

struct Validate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check job files without submitting them.",
        discussion: """
            Prints every error as file:line:column: error: key: message, which editors understand.

              hone validate jobs/*.yaml
              hone validate --resolved job.yaml     # with all defaults written out
            """)

    @Argument(help: ArgumentHelp("Job files.", valueName: "file"))
    var files: [String]

    @Flag(help: "Print the resolved specification: JSON with every default written out.")
    var resolved = false

    @Flag(help: "Allow any path as an input, as `hone run` does.")
    var anyPath = false

    @OptionGroup var output: JSONOption

    /// For programs.
    private struct Verdict: Encodable {
        let file: String
        var name: String?
        var method: String?
        var errors: [String] = []
    }

    func run() throws {
        let judged = files.map(judge)
        if output.json { try printJSON(judged.map(\.verdict)) } else { judged.forEach(tell) }
        if judged.contains(where: { !$0.verdict.errors.isEmpty }) { throw ExitCode.refused }
    }

    private func judge(_ file: String) -> (verdict: Verdict, spec: JobSpec?) {
        do {
            let found = try SpecificationFile.check(file, paths: anyPath ? .anywhere : .underRoots)
            let spec = found.spec
            let errors = [found.missingMethod].compactMap(\.self)
            return (Verdict(file: file, name: spec.name, method: spec.method.rawValue, errors: errors), spec)
        } catch let errors as SpecErrors {
            return (Verdict(file: file, errors: errors.lines(file: file)), nil)
        } catch {
            return (Verdict(file: file, errors: ["\(error)"]), nil)
        }
    }

    private func tell(_ verdict: Verdict, _ spec: JobSpec?) {
        if let spec {
            let line = "\(verdict.file): ok, \(spec.method.rawValue) job \(spec.name)"
            Terminal.say(resolved ? String(decoding: spec.canonicalJSON(), as: UTF8.self) : line)
        }
        verdict.errors.forEach(Terminal.complain)
    }
}
