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
        if output.json { return try judge() }
        var failed = false
        for file in files {
            do {
                let found = try SpecificationFile.check(file, paths: anyPath ? .anywhere : .underRoots)
                if resolved {
                    Terminal.say(String(decoding: found.spec.canonicalJSON(), as: UTF8.self))
                } else {
                    Terminal.say("\(file): ok, \(found.spec.method.rawValue) job \(found.spec.name)")
                }
                if !found.spec.method.isImplemented {
                    failed = true
                    Terminal.complain("\(file): error: this build cannot run method \(found.spec.method.rawValue)")
                }
            } catch let errors as SpecErrors {
                failed = true
                errors.lines(file: file).forEach(Terminal.complain)
            } catch let error as FileError {
                failed = true
                Terminal.complain("\(error)")
            }
        }
        if failed { throw ExitCode.refused }
    }

    /// The same as one value.
    private func judge() throws {
        let verdicts = files.map { file in
            do {
                let spec = try SpecificationFile.check(file, paths: anyPath ? .anywhere : .underRoots).spec
                let method = spec.method.rawValue
                let errors = spec.method.isImplemented ? [] : ["\(file): error: this build cannot run method \(method)"]
                return Verdict(file: file, name: spec.name, method: method, errors: errors)
            } catch let errors as SpecErrors {
                return Verdict(file: file, errors: errors.lines(file: file))
            } catch {
                return Verdict(file: file, errors: ["\(error)"])
            }
        }
        try printJSON(verdicts)
        if verdicts.contains(where: { !$0.errors.isEmpty }) { throw ExitCode.refused }
    }
}
