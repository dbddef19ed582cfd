import ArgumentParser
import Compute
import DurableFiles
import Foundation
import JobModel
import Training

/// `hone inspect`: what lies at a path, and what is wrong with it.
struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what a checkpoint, adapter, tokenizer, dataset or GMSA artifact is, and what is wrong with it.",
        usage: "hone inspect PATH... [--spec FILE] [--model DIR] [--json]",
        discussion: """
              hone inspect smollm2                              # a checkpoint: sizes, parameters, tokenizer
              hone inspect smollm2 --spec job.yaml              # and what a job on it needs: memory, steps, time
              hone inspect pairs.jsonl.gz --model smollm2       # rows, and their lengths in that model's tokens
              hone inspect a.jsonl b.csv folder                 # several files and folders of rows as one dataset
              hone inspect runs/8-lora/artifacts --model smollm2

            With --spec, PATH takes the place of the input of its kind: a checkpoint that of model, a dataset that of
            dataset.train; other paths of the job begin in its file's folder, as for hone run. The time counts matrix
            products only, at the speed measured now: the run takes longer.

            Exit status: 0 usable; 2 nothing there that hone knows; 5 a problem makes it unusable, or the
            specification is wrong.
            """)

    @Argument(help: ArgumentHelp("A folder or a file, or several with rows.", valueName: "path"))
    var paths: [String]

    @Option(help: ArgumentHelp("A job file: estimate memory, steps and time of that job.", valueName: "file"))
    var spec: String?

    @Option(help: ArgumentHelp("The model that an adapter, a compressor or rows are for.", valueName: "dir"))
    var model: String?

    @Option(help: ArgumentHelp("Threads to measure with (default: the job's, else all cores).", valueName: "n"))
    var threads: Int?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads: expected at least 1, found \(threads)") }
    }

    func run() throws {
        let file = spec
        let spec = try file.map(Self.specification)
        let count = threads ?? spec.map { max(1, $0.resources.cpus) } ?? ProcessInfo.processInfo.activeProcessorCount
        let team = try ThreadTeam(threads: count, products: spec?.products ?? .full)
        let inspection: Inspection
        do {
            inspection = try Inspector(
                paths, model: model, spec: spec, in: file.map(parentDirectory), team: team
            ).inspect()
        } catch {
            complain("\(error)")
            throw ExitCode(2)
        }
        if json {
            say(String(decoding: try JSONCoding.encode(inspection), as: UTF8.self) + "\n")
        } else {
            say(InspectionText(inspection).lines.joined(separator: "\n") + "\n")
        }
        if !inspection.isUsable { throw ExitCode(5) }
    }

    /// The job, or every error in it as an editor reads it.
    private static func specification(_ file: String) throws -> JobSpec {
        do {
            let format: SpecFormat = file.hasSuffix(".json") ? .json : .yaml
            return try JobSpec.decode(try readFile(file), format: format, paths: .anywhere)
        } catch let errors as SpecErrors {
            errors.lines(file: file).forEach(complain)
            throw ExitCode(5)
        } catch let error as FileError {
            complain("\(error)")
            throw ExitCode(2)
        }
    }
}
