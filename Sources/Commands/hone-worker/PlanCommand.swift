import ArgumentParser
import Compute
import Datasets
import DurableFiles
import Glibc
import JobModel
import Training

/// `hone-worker plan`: what a job will need, computed by the code that will use it.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Read a specification as JSON from standard input, write memory, checkpoint, artifacts and steps.")

    func run() throws {
        do {
            let spec = try JobSpec.decode(Self.standardInput(), format: .json, paths: .anywhere)
            let directory = Dataset.temporaryDirectory + "/hone-plan-\(getpid())"
            defer { try? removeTree(directory) }
            let plan = try MemoryPlan(
                spec, JobInputs(paths: spec), in: RunDirectory(directory),
                team: ThreadTeam(threads: max(1, spec.resources.cpus), products: spec.products))
            say(String(decoding: try JSONCoding.encode(plan), as: UTF8.self) + "\n")
        } catch {
            complain("\(error)")
            throw ExitCode(Failure(error, runDirectory: nil).code.rawValue)
        }
    }

    private static func standardInput() throws -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(0, &buffer, buffer.count)
            if count <= 0 { return bytes }
            bytes += buffer[..<count]
        }
    }
}
