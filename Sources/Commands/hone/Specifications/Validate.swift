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

    func run() throws {
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
}
