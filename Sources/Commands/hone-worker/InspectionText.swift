import Foundation
import JobModel
import Training

/// An inspection as people read it.
struct InspectionText {
    private let inspection: Inspection

    init(_ inspection: Inspection) { self.inspection = inspection }

    /// Summary, facts by subject, the table of parameters, the estimate, what is wrong.
    var lines: [String] {
        ["\(inspection.path): \(inspection.summary)".escapingControlCharacters] + sections + parameters + estimate
            + problems
    }

    private var sections: [String] {
        inspection.sections.flatMap { section in
            let rows = section.facts.flatMap { fact in
                Self.texts(fact.value).enumerated().map { index, text in
                    ["  " + (index == 0 ? fact.name.replacingOccurrences(of: "_", with: " ") : ""), text]
                }
            }
            return ["", section.title] + Self.aligned(rows)
        }
    }

    private var parameters: [String] {
        guard !inspection.parameters.isEmpty else { return [] }
        let rows = inspection.parameters.map { row in
            [
                "  " + row.name, row.isTied ? "tied" : row.type, row.isTied ? "" : "\(row.tensors)",
                row.shape.map(String.init).joined(separator: "×"), Self.number(row.parameters), Self.size(row.bytes),
            ]
        }
        let titles = ["  tensor", "type", "count", "shape", "parameters", "size"]
        return ["", "parameters"] + Self.aligned([titles] + rows, right: [2, 4, 5])
    }

    private var estimate: [String] {
        guard let estimate = inspection.estimate else { return [] }
        var rows: [[String]] = []
        func add(_ name: String, _ value: String?) { if let value { rows.append(["  " + name, value]) } }
        add("trained parameters", estimate.trained.map(Self.number))
        add("held parameters", estimate.held.map(Self.number))
        add("memory", Self.size(Int(estimate.plan.memory)))
        add("a checkpoint", Self.size(Int(estimate.plan.checkpoint)))
        add("artifacts", Self.size(Int(estimate.plan.artifacts)))
        add("rows", estimate.rows.map(Self.number))
        add("steps", estimate.plan.steps.map { Self.number(Int($0)) })
        if let time = estimate.time {
            add("time", "at least \(Self.duration(time.seconds)) on \(time.threads) threads")
            add("tokens a step", Self.number(Int(time.tokensPerStep)))
            add("operations a step", String(format: "%.3g", time.operationsPerStep))
            add("measured speed", String(format: "%.1f GFLOP/s", time.operationsPerSecond / 1e9))
            add("how", time.how)
        }
        let notes = estimate.notes.flatMap { $0.split(separator: "\n", omittingEmptySubsequences: false) }
        return ["", "job \(estimate.name), \(estimate.method)"] + Self.aligned(rows)
            + notes.map { "  | \($0)".escapingControlCharacters }
    }

    private var problems: [String] {
        inspection.problems.isEmpty
            ? ["", "no problems found"]
            : [""] + inspection.problems.map { "\($0.severity.rawValue): \($0.message)".escapingControlCharacters }
    }

    // MARK: Values

    private static func texts(_ fact: Inspection.Fact) -> [String] {
        switch fact {
        case .text(let text): [text.escapingControlCharacters]
        case .number(let number): [Self.number(number)]
        case .real(let number): [String(format: "%.6g", number)]
        case .flag(let flag): [flag ? "yes" : "no"]
        case .bytes(let bytes): [size(bytes)]
        case .list(let texts) where texts.contains(where: { $0.count > 24 }): texts.map(\.escapingControlCharacters)
        case .list(let texts): [texts.joined(separator: ", ").escapingControlCharacters]
        }
    }

    /// Digits in groups of three.
    private static func number(_ value: Int) -> String {
        let digits = Array(String(value.magnitude))
        let grouped = digits.indices.map { index in
            (index > 0 && (digits.count - index) % 3 == 0 ? "," : "") + String(digits[index])
        }
        return (value < 0 ? "-" : "") + grouped.joined()
    }

    private static func size(_ bytes: Int) -> String {
        let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)]
        for (name, shift) in units where bytes >= 1 << shift {
            return String(format: "%.1f ", Double(bytes) / Double(1 << shift)) + name
        }
        return "\(bytes) B"
    }

    private static func duration(_ seconds: Double) -> String {
        let whole = Int(min(seconds.rounded(), 1e15))
        if whole >= 3600 { return "\(whole / 3600)h\(whole / 60 % 60)m" }
        if whole >= 60 { return "\(whole / 60)m\(whole % 60)s" }
        return seconds < 10 ? String(format: "%.1fs", seconds) : "\(whole)s"
    }

    private static func aligned(_ rows: [[String]], right: Set<Int> = []) -> [String] {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            let cells = row.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - row[column].count)
                return right.contains(column) ? padding + row[column] : row[column] + padding
            }
            var line = cells.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}
