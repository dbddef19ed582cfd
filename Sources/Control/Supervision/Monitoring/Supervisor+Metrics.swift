import CLinux
import DurableFiles
import Glibc
package import JobModel
import JobQueue
import Logging

/// Numbers for monitoring: asked for over the socket, and as a file for a collector.
extension Supervisor {
    /// Time between two versions of the file.
    private static let metricsInterval = Duration.seconds(15)

    /// How the daemon stands.
    package func standing() async throws -> DaemonRecord {
        let live = try await store.liveCounts()
        return DaemonRecord(
            pid: getpid(), started: started, draining: try await store.isDraining(), degraded: degraded,
            cores: machine.cores.count, busyCores: busyCores, memory: machine.memory, reservedMemory: reservedMemory,
            freeDisk: freeDisk, jobs: Dictionary(uniqueKeysWithValues: live.map { ($0.key.rawValue, $0.value) }),
            status: statusLine(waiting: (live[.queued] ?? 0) + (live[.blocked] ?? 0), held: live[.held] ?? 0))
    }

    /// All metrics, in the text format of Prometheus.
    package func metrics() async throws -> String {
        let record = try await standing()
        var metrics = MetricsText()
        queueMetrics(record, &metrics)
        attemptMetrics(&metrics)
        runningMetrics(&metrics)
        return metrics.text
    }

    /// Replaces the file of the collector when its time has come. It has to be readable by others.
    func publishMetrics() async {
        let now = time.monotonic
        if let written = metricsWritten, now - written < Self.metricsInterval { return }
        metricsWritten = now
        let path = "\(root.metrics)/hone.prom"
        do {
            try replaceForReaders(Array(try await metrics().utf8), at: path)
            if !root.isPrivate { chmod(path, 0o644) }
        } catch {
            logger.warning("no metrics in \(path): \(error)")
        }
    }

    private var busyCores: Int { active.values.reduce(0) { $0 + $1.cores.count } }
    private var reservedMemory: Int64 { active.values.reduce(0) { $0 + $1.memory } }
    private var freeDisk: Int64 { max(0, Int64(clamping: hone_free_bytes(root.runs))) }

    private func queueMetrics(_ record: DaemonRecord, _ metrics: inout MetricsText) {
        metrics.add(
            "hone_jobs", .gauge, "Jobs that have not ended, and quarantined ones, by state.",
            JobState.allCases.filter { !$0.isFinished || $0 == .quarantined }.map {
                ([("state", $0.rawValue)], Double(record.jobs[$0.rawValue] ?? 0))
            })
        metrics.add(
            "hone_cores", .gauge, "Processors for jobs.",
            [
                ([("state", "busy")], Double(record.busyCores)),
                ([("state", "free")], Double(max(0, record.cores - record.busyCores))),
            ])
        metrics.add("hone_memory_bytes", .gauge, "Memory that jobs may reserve together.", Double(record.memory))
        metrics.add(
            "hone_memory_reserved_bytes", .gauge, "Memory that running jobs have reserved.",
            Double(record.reservedMemory))
        metrics.add("hone_disk_free_bytes", .gauge, "Free space where runs are written.", Double(record.freeDisk))
        metrics.add("hone_draining", .gauge, "1 if nothing is started.", record.draining ? 1 : 0)
        metrics.add("hone_degraded", .gauge, "1 if the daemon cannot work normally.", record.degraded == nil ? 0 : 1)
        metrics.add(
            "hone_start_time_seconds", .gauge, "When the daemon started, seconds since 1970.",
            Double(record.started.milliseconds) / 1000)
        metrics.add("hone_rejects_total", .counter, "Files refused since the start.", Double(rejections))
    }

    private func attemptMetrics(_ metrics: inout MetricsText) {
        metrics.add(
            "hone_attempts_total", .counter, "Attempts that ended since the start.",
            AttemptOutcome.allCases.map { ([("outcome", $0.rawValue)], Double(counters.attempts[$0] ?? 0)) })
        metrics.add(
            "hone_attempt_seconds_total", .counter, "Running time of attempts that ended.",
            Double(counters.runningTime.inMilliseconds) / 1000)
        metrics.add(
            "hone_checkpoints_total", .counter, "Checkpoints published since the start.", Double(counters.checkpoints))
        metrics.add(
            "hone_checkpoint_bytes_total", .counter, "Bytes of those checkpoints.", Double(counters.checkpointBytes))
        metrics.add(
            "hone_checkpoint_seconds_total", .counter, "Time that writing them took.",
            Double(counters.checkpointMilliseconds) / 1000)
        metrics.add(
            "hone_checkpoint_failures_total", .counter, "Checkpoints that could not be written.",
            Double(counters.checkpointFailures))
        metrics.add("hone_stops_total", .counter, "Workers that were asked to stop.", Double(counters.stops))
        metrics.add(
            "hone_stop_latency_seconds_total", .counter, "Time from asking them to their end.",
            Double(counters.stopTime.inMilliseconds) / 1000)
    }

    /// For running jobs only, so that the number of series stays small.
    private func runningMetrics(_ metrics: inout MetricsText) {
        let running = active.keys.sorted().compactMap { job in board[job].map { (job, $0) } }
        func family(_ name: String, _ help: String, _ value: (StatusRecord) -> Double?) {
            metrics.add(
                name, .gauge, help,
                running.compactMap { job, record in
                    value(record).map { ([("job", "\(job)"), ("name", record.name)], $0) }
                })
        }
        family("hone_job_step", "Optimizer steps done.") { Double($0.step) }
        family("hone_job_steps", "Optimizer steps in all.") { $0.total.map(Double.init) }
        family("hone_job_loss", "Loss of the newest step.") { $0.loss }
        family("hone_job_tokens_per_second", "Tokens trained on in a second.") { $0.tokensPerSecond }
    }
}
