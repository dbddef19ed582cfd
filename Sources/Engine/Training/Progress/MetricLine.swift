/// One line of metrics.jsonl: the step, the epoch, then every metric by name.
///
/// Nothing in it depends on the clock or the machine, so a resumed run writes the same bytes.
package struct MetricLine: Sendable, Equatable {
    package let step: Int
    package let epoch: Double
    package let metrics: [String: Double]

    package init(step: Int, epoch: Double, metrics: [String: Double]) {
        self.step = step
        self.epoch = epoch
        self.metrics = metrics
    }

    /// JSON with sorted names and a newline. Numbers are the shortest that read back the same; what is not finite is
    /// the text `nan`, `inf` or `-inf`.
    package var text: String {
        let members = metrics.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\(Self.number($0.value))" }
        return "{" + (["\"step\":\(step)", "\"epoch\":\(Self.number(epoch))"] + members).joined(separator: ",") + "}\n"
    }

    private static func number(_ value: Double) -> String {
        if value.isFinite { return "\(value)" }
        return value.isNaN ? "\"nan\"" : value < 0 ? "\"-inf\"" : "\"inf\""
    }
}
