import ArgumentParser
import DurableFiles
import JobModel
import JobQueue
import Supervision

struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Everything about one job.",
        discussion: """
              hone show smol-ti-dpo
              hone show 42 --spec          # the resolved specification
              hone show 42 --json
            """)

    @Argument(help: ArgumentHelp("Number or name.", valueName: "job"))
    var job: String

    @Flag(help: "Print the resolved specification instead.")
    var spec = false

    @Flag(help: "Also print what happened to it, oldest first.")
    var events = false

    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    func run() throws {
        let view = try QueueView(root.place)
        let id = try view.number(of: job)
        guard let line = try view.lines(of: [id]).first else { throw ExitCode.noSuchJob }
        let run = root.place.run(line.id, line.name)
        if spec { return try printSpecification(run) }
        let details = try view.details(id)
        if output.json {
            if let details { try printJSON(details) } else { try printJSON(line) }
            return
        }
        head(line, run)
        if let details { body(details) }
        printResult(run)
        if events { try history(view, id) }
    }

    private func printSpecification(_ run: RunDirectory) throws {
        do {
            Terminal.write(String(decoding: try readFile(run.spec), as: UTF8.self), to: 1)
        } catch {
            Terminal.complain("\(error)")
            throw ExitCode.noSuchJob
        }
    }

    private func head(_ line: JobLine, _ run: RunDirectory) {
        Terminal.say("job \(line.id) \(line.name)".styled(.bold) + ", \(line.method)")
        let state = line.style.map { line.state.rawValue.styled($0) } ?? line.state.rawValue
        Terminal.say(
            "state      \(state)" + (line.outlook.isEmpty ? "" : ", \(line.outlook.escapingControlCharacters)"))
        if let share = line.share, let total = line.total {
            Terminal.say("progress   \(progressBar(share, width: 24)) \(line.step)/\(total)")
        }
        Terminal.say("directory  \(run.path)")
    }

    private func body(_ details: JobDetails) {
        let summary = details.summary
        Terminal.say(
            "submitted  \(summary.submitted) by user \(summary.uid), priority \(summary.priority), "
                + "queue \(summary.queue)"
        )
        Terminal.say(
            "reserves   \(summary.cpus) cores, \(ByteSize(details.memory)) of memory, \(ByteSize(details.disk)) of disk"
        )
        for dependency in details.dependencies {
            let target = dependency.job.map { "job \($0)" } ?? "a job named \(dependency.name ?? "?")"
            Terminal.say(
                "after      \(target) (\(dependency.condition.rawValue)): \(dependency.state?.rawValue ?? "none seen")")
        }
        if let checkpoint = details.checkpoints.last {
            Terminal.say("checkpoint \(checkpoint.directory), \(ByteSize(checkpoint.bytes)), \(checkpoint.created)")
        }
        if !details.attempts.isEmpty {
            Terminal.say("")
            attempts(details.attempts).print()
        }
    }

    private func attempts(_ attempts: [AttemptDetails]) -> Table {
        var table = Table([
            ("ATTEMPT", .right), ("BEGAN", .left), ("TOOK", .right), ("STEPS", .left), ("PEAK", .right),
            ("ENDED", .left),
            ("", .left),
        ])
        for attempt in attempts {
            let took = attempt.ended.map { Double($0.milliseconds - attempt.created.milliseconds) / 1000 }
            table.add([
                Table.Cell("\(attempt.number)"), Table.Cell(attempt.created.description),
                Table.Cell(took.map(Numbers.duration) ?? ""),
                Table.Cell("\(attempt.resumeStep ?? 0) to \(attempt.lastStep ?? 0)"),
                Table.Cell(attempt.maxRSS.map { ByteSize($0).description } ?? ""),
                Table.Cell(attempt.outcome?.rawValue ?? attempt.state, attempt.outcome == .success ? .green : nil),
                Table.Cell((attempt.detail ?? "").escapingControlCharacters, .faint),
            ])
        }
        return table
    }

    private func printResult(_ run: RunDirectory) {
        guard let bytes = try? readFile(run.result, limit: 16 << 20),
            let result = try? JSONCoding.decode(ResultRecord.self, from: bytes)
        else { return }
        Terminal.say("")
        ResultSummary(result: result, artifacts: run.artifacts).print()
    }

    private func history(_ view: QueueView, _ id: Int64) throws {
        var table = Table([("TIME", .left), ("WHAT", .left), ("WHO", .left), ("", .left)])
        for event in try view.events(of: id, limit: 1000) {
            let move = event.to.map { "\(event.from.map { "\($0.rawValue) -> " } ?? "")\($0.rawValue)" }
            table.add([
                Table.Cell(event.time.description), Table.Cell(move ?? event.type), Table.Cell(event.actor, .faint),
                Table.Cell((event.data ?? "").escapingControlCharacters, .faint),
            ])
        }
        Terminal.say("")
        table.print()
    }
}
