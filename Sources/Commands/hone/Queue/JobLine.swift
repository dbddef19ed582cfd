import JobModel

/// What is shown of a job: what the queue knows, and how far its worker is.
struct JobLine: Codable {
    let id: Int64
    let name: String
    let method: String
    let state: JobState
    /// Nil where only the run directory could be read.
    let priority: Int?
    let attempt: Int64
    let submitted: Timestamp?
    let finished: Timestamp?
    /// Machine-readable; nil where only the run directory could be read.
    let reason: WaitReason?
    /// The same for people.
    let why: String?
    let step: Int64
    let total: Int64?
    let phase: WorkerPhase?
    let etaSeconds: Double?
    let metrics: [String: Double]

    /// A job of the queue; `status` is what its run directory says, which is only of interest while an attempt is open.
    init(_ summary: JobSummary, status: StatusRecord?) {
        let live = summary.state.hasOpenAttempt ? status : nil
        id = summary.id
        name = summary.name
        method = summary.method
        state = summary.state
        priority = summary.priority
        attempt = summary.attempt
        submitted = summary.submitted
        finished = summary.finished
        reason = summary.reason
        why = summary.reason?.description
        step = max(summary.bestStep, live?.step ?? 0)
        total = status?.total
        phase = live?.phase
        etaSeconds = live?.etaSeconds
        metrics = Self.metrics(of: status)
    }

    /// A job that only left files.
    init(_ status: StatusRecord) {
        id = status.job
        name = status.name
        method = status.method.rawValue
        state = status.state
        priority = nil
        attempt = status.attempt
        submitted = nil
        finished = status.state.isFinished ? status.updated : nil
        reason = nil
        why = status.reason
        step = status.step
        total = status.total
        phase = status.phase
        etaSeconds = status.etaSeconds
        metrics = Self.metrics(of: status)
    }

    private static func metrics(of status: StatusRecord?) -> [String: Double] {
        var metrics = status?.metrics ?? [:]
        if let loss = status?.loss { metrics["loss"] = loss }
        return metrics
    }

    /// How much is done, 0...1; nil where that is not known.
    var share: Double? {
        if state == .succeeded { return 1 }
        guard let total, total > 0 else { return nil }
        return Double(step) / Double(total)
    }

    /// One short text about what comes next.
    var outlook: String {
        switch state {
        case .starting, .running, .stopping:
            let phase = phase.flatMap { $0 == .train ? nil : $0.rawValue }
            return [phase, etaSeconds.map { "eta \(Numbers.duration($0))" }].compactMap { $0 }.joined(separator: ", ")
        case .succeeded: return ""
        case .held, .blocked, .queued, .backoff, .failed, .cancelled, .quarantined: return why ?? ""
        }
    }

    /// The colour of its state.
    var style: Style? {
        switch state {
        case .running, .starting: .blue
        case .succeeded: .green
        case .failed, .quarantined: .red
        case .backoff, .stopping: .yellow
        case .held, .blocked, .queued, .cancelled: .faint
        }
    }
}

extension Table {
    /// A listing of jobs.
    init(jobs: [JobLine], barWidth: Int = 12) {
        self.init([
            ("ID", .right), ("NAME", .left), ("METHOD", .left), ("STATE", .left), ("PROGRESS", .left), ("STEP", .right),
            ("LOSS", .right), ("", .left),
        ])
        for job in jobs {
            let bar = job.share.map { "\(progressBar($0, width: barWidth)) \(Numbers.percent($0))" } ?? ""
            let steps = job.total.map { "\(job.step)/\($0)" } ?? (job.step > 0 ? "\(job.step)" : "")
            add([
                Cell("\(job.id)"), Cell(job.name), Cell(job.method), Cell(job.state.rawValue, job.style), Cell(bar),
                Cell(steps), Cell(job.metrics["loss"].map(Numbers.value) ?? ""),
                Cell(job.outlook.escapingControlCharacters, .faint),
            ])
        }
    }
}
