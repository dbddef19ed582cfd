import JobModel
import ArgumentParser
import DurableFiles
import Foundation
import Supervision

struct Metrics: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the curve of a job.",
        discussion: """
              hone metrics smol-ti-dpo
              hone metrics 42 --key rewards/accuracies --key eval_loss --tail 20
              hone metrics 42 --json > curve.jsonl
            """)

    @Argument(help: ArgumentHelp("Number or name.", valueName: "job"))
    var job: String

    @Option(help: ArgumentHelp("A metric to show; may be repeated.", valueName: "name"))
    var key: [String] = []

    @Option(help: ArgumentHelp("Only the last lines.", valueName: "n"))
    var tail: Int?

    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    func run() throws {
        let run = try root.place.existingRun(job)
        guard let bytes = try? readFile(run.metrics, limit: 1 << 30) else {
            Terminal.complain("job \(job) has no metrics yet")
            throw ExitCode.noSuchJob
        }
        var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        if let tail { lines = lines.suffix(tail) }
        if output.json { return lines.forEach { Terminal.say(String($0)) } }
        let rows = lines.compactMap { try? JSONDecoder().decode([String: Double].self, from: Data($0.utf8)) }
        let keys = key.isEmpty ? Self.usual.filter { name in rows.contains { $0[name] != nil } } : key
        var table = Table([("STEP", .right)] + keys.map { ($0, .right) })
        for row in rows {
            table.add(
                [Table.Cell(row["step"].map { "\(Int($0))" } ?? "-")]
                    + keys.map { Table.Cell(row[$0].map(Numbers.value) ?? "-") })
        }
        table.print()
    }

    /// What is shown unless asked otherwise.
    private static let usual = [
        "loss", "rewards/accuracies", "rewards/margins", "eval_loss", "eval_rewards/accuracies", "grad_norm",
        "learning_rate",
    ]
}
