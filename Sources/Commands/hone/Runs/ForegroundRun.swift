import ArgumentParser
import DurableFiles
import JobModel
import Supervision

/// The directory and the orders of a job that runs without a daemon.
struct ForegroundRun {
    let spec: JobSpec
    let run: RunDirectory
    /// Absolute path of every input, by the raw value of its role.
    let inputs: [String: String]
    let specDigest: String

    /// Finds the inputs, relative to the specification's folder, and makes the directory; a directory of another
    /// specification is refused.
    init(_ file: SpecificationFile, output: String?) throws {
        spec = file.spec
        inputs = try Self.locate(file)
        run = RunDirectory(absolutePath(output ?? "\(file.spec.name).run"))
        let canonical = file.spec.canonicalJSON()
        specDigest = SHA256.hex(of: canonical)
        try makeDirectory(run.path)
        if fileKind(run.spec) == .file {
            guard try SHA256.hex(of: readFile(run.spec)) == specDigest else {
                Terminal.complain("\(run.path) belongs to another specification; name another --output, or remove it")
                throw ExitCode.refused
            }
        } else {
            try durableWrite(canonical, to: run.spec)
        }
    }

    private static func locate(_ file: SpecificationFile) throws -> [String: String] {
        var found: [String: String] = [:]
        for (role, reference) in file.spec.inputs {
            switch reference {
            case .artifact:
                Terminal.complain(
                    "\(file.path): \(role.rawValue): inputs from other jobs need the daemon; name the directory instead"
                )
                throw ExitCode.refused
            case .path(let name, let digest):
                let path = name.hasPrefix("/") ? name : absolutePath(parentDirectory(file.path)) + "/" + name
                guard fileKind(path) != .missing else {
                    Terminal.complain("\(file.path): \(role.rawValue): no such file or directory: \(path)")
                    throw ExitCode.refused
                }
                try check(digest, of: path, role, file)
                found[role.rawValue] = path
            }
        }
        return found
    }

    private static func check(_ digest: String?, of path: String, _ role: InputRole, _ file: SpecificationFile) throws {
        guard let digest, fileKind(path) == .file else { return }
        let actual = try SHA256.hex(ofFile: path).hex
        guard actual == digest else {
            Terminal.complain("\(file.path): \(role.rawValue): \(path) has SHA-256 \(actual), expected \(digest)")
            throw ExitCode.refused
        }
    }

    /// What is already there, if the run has ended.
    var result: ResultRecord? {
        guard let bytes = try? readFile(run.result) else { return nil }
        return try? JSONCoding.decode(ResultRecord.self, from: bytes)
    }

    /// The next attempt.
    func launch() -> WorkerLaunch {
        let start = StartCommand(
            job: 0, fence: run.newestAttempt + 1, runDir: run.path, specSha256: specDigest, inputs: inputs,
            threads: spec.resources.cpus)
        return WorkerLaunch(start: start, run: run)
    }
}
