import DurableFiles
import JobModel
import Logging
import Systemd

/// Reads what a worker left behind.
enum AttemptResult {
    /// The result that the attempt `fence` wrote; nil if there is none of its own.
    static func read(_ run: RunDirectory, fence: Int64, logger: Logger) -> ResultRecord? {
        guard fileKind(run.result) == .file else { return nil }
        do {
            let result = try JSONCoding.decode(ResultRecord.self, from: try readFile(run.result, limit: 16 << 20))
            if result.fence == fence { return result }
            logger.event(
                .staleWriteRefused, level: .warning,
                "\(run.result) is of attempt \(result.fence), expected \(fence); it decides nothing")
        } catch {
            logger.warning("\(run.result) cannot be read, so it decides nothing: \(error)")
        }
        return nil
    }
}

extension WorkerExit {
    /// The exit code or the signal, as far as there is one.
    var numbers: (code: Int32?, signal: Int32?) {
        switch status {
        case .exited(let code): (code, nil)
        case .signalled(let signal): (nil, signal)
        case .notLaunched, .notPrepared: (nil, nil)
        }
    }
}
