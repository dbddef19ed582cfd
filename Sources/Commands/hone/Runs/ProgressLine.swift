import JobModel

/// One line that shows how far a run is: rewritten on a terminal, written now and then elsewhere.
actor ProgressLine {
    private var phase = WorkerPhase.load
    private var progress: ProgressEvent?
    private var lastWritten: ContinuousClock.Instant?

    func note(_ event: WorkerEvent) {
        switch event {
        case .phase(let name): phase = name
        case .progress(let newest): progress = newest
        case .checkpointFailed(let code):
            interject("a checkpoint could not be written (errno \(code)); training goes on")
        case .ready(let ready) where ready.resumeStep > 0: interject("resuming from step \(ready.resumeStep)")
        default: return
        }
        show()
    }

    /// Writes a line of its own above the progress.
    func interject(_ text: String) {
        Terminal.complain((Terminal.isLive ? "\r\u{1B}[K" : "") + text)
    }

    /// Ends the line.
    func finish() {
        if Terminal.isLive, progress != nil { Terminal.write("\n", to: 2) }
    }

    private func show() {
        if Terminal.isLive { return Terminal.write("\r\u{1B}[K" + line, to: 2) }
        let now = ContinuousClock.now
        if let lastWritten, lastWritten.duration(to: now) < .seconds(5) { return }
        lastWritten = now
        Terminal.complain(line)
    }

    private var line: String {
        guard let progress, progress.total > 0 else { return "\(phase.rawValue) …" }
        let share = Double(progress.step) / Double(progress.total)
        var parts = ["\(progressBar(share, width: 24)) \(progress.step)/\(progress.total)"]
        if let loss = progress.loss { parts.append("loss \(Numbers.value(loss))") }
        if let accuracy = progress.metrics?["rewards/accuracies"] {
            parts.append("accuracy \(Numbers.percent(accuracy))")
        }
        if let rate = progress.tokS { parts.append("\(Int(rate)) tok/s") }
        if let eta = progress.etaS { parts.append("eta \(Numbers.duration(eta))") }
        if phase != .train { parts.append(phase.rawValue) }
        return String(parts.joined(separator: "  ").prefix(Terminal.width - 1))
    }
}
