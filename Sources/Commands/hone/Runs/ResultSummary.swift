import Foundation
import JobModel

/// What a finished job came to, for people.
struct ResultSummary {
    let result: ResultRecord
    let artifacts: String

    func print() {
        let ended = result.outcome == .success ? "succeeded".styled(.green) : "\(result.outcome.rawValue)".styled(.red)
        Terminal.say("\(result.name) \(ended) after \(result.steps) steps" + (result.detail.map { ": \($0)" } ?? ""))
        if !evaluated.isEmpty { table.print() }
        if result.outcome == .success { Terminal.say("artifacts: \(artifacts)") }
    }

    /// Evaluation metrics that exist at the end.
    private var evaluated: [String] {
        result.metrics.keys.filter { $0.hasPrefix("eval_") }.sorted()
    }

    private var table: Table {
        var table = Table([("EVALUATION", .left), ("BEFORE", .right), ("AFTER", .right)])
        for key in evaluated {
            let name = String(key.dropFirst("eval_".count))
            let before = result.initialMetrics[key] ?? result.initialMetrics[name]
            table.add([
                Table.Cell(name), Table.Cell(before.map(Numbers.value) ?? "-"),
                Table.Cell(result.metrics[key].map(Numbers.value) ?? "-"),
            ])
        }
        return table
    }
}
