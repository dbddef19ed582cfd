import DurableFiles

/// metrics.jsonl of a run: one line per step and per evaluation, cut back to the checkpoint on resume, so that no step
/// appears twice.
final class MetricLog {
    private let path: String
    private var file: AppendFile?

    init(_ path: String) { self.path = path }

    /// Opens the file and forgets everything after `length` bytes.
    func open(cutTo length: Int) throws { file = try AppendFile(path, cutTo: length) }

    /// Length in bytes; what a checkpoint records.
    var offset: Int { file?.offset ?? 0 }

    /// Hands the line to the system at once, so that people can follow.
    func append(_ line: MetricLine) throws { try file?.append(line.text) }

    /// Forces all lines to the disk, before a checkpoint refers to them.
    func sync() throws { try file?.sync() }
}
