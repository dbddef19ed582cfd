import ArgumentParser
import JobModel
import Supervision

/// Whether and when jobs would start if they were submitted now.
struct Forecasts {
    let root: Root
    let output: JSONOption

    /// For programs.
    private struct Line: Encodable {
        let file: String
        /// nil where no daemon runs that could tell.
        let forecast: JobForecast?
    }

    /// Shows what a running daemon says of each file; what it refuses ends the command with 5 after all were shown.
    func show(_ files: [SpecificationFile]) throws {
        var lines: [Line] = []
        var failure: (any Error)?
        for file in files {
            do {
                let line = Line(file: file.path, forecast: try forecast(file))
                lines.append(line)
                if !output.json { Terminal.say(Self.words(for: line, file)) }
            } catch {
                failure = failure ?? error
            }
        }
        if output.json { try printJSON(lines) }
        if let failure { throw failure }
    }

    private func forecast(_ file: SpecificationFile) throws -> JobForecast? {
        do {
            return try DaemonClient(root).post(
                JobForecast.self, "/v1/forecast", file.bytes, patience: DaemonClient.measuringPatience)
        } catch let error as DaemonClient.Unreachable where error.isAbsent {
            return nil
        } catch {
            return try askingDaemon { throw error }
        }
    }

    private static func words(for line: Line, _ file: SpecificationFile) -> String {
        guard let forecast = line.forecast else {
            return "\(file.path): is right; no daemon runs here that could say when it would start"
        }
        let needs =
            "\(forecast.cpus) cores, \(ByteSize(forecast.memory)) of memory, \(ByteSize(forecast.disk)) of disk"
        let when = forecast.reason.map { "would wait: \($0)" } ?? "would start now"
        return "\(file.path): \(file.spec.name) \(when.escapingControlCharacters) (\(needs))"
    }
}
