package import JobModel

/// Tells a worker that gets on from one that hangs. The beat proves life; only a step or a new phase proves progress.
package struct ProgressWatch: Sendable, Hashable {
    private var phase = WorkerPhase.load
    private var step: Int64 = 0
    private var lastProgress: Duration
    private var lastBeat: Duration
    private var meanStep: Duration?

    /// A worker that was started at `now`.
    package init(now: Duration) {
        lastProgress = now
        lastBeat = now
    }

    /// What is to be thought of a worker.
    package enum Verdict: Sendable, Hashable {
        case working
        /// Alive, but neither a beat nor a step for a while: stopped, or waiting for a device.
        case stalled
        /// No progress for so long.
        case hanging(since: Duration, phase: WorkerPhase)
    }

    /// Takes note of what a worker says.
    package mutating func note(_ event: WorkerEvent, now: Duration) {
        switch event {
        case .ready(let ready): advance(to: ready.resumeStep, phase, now)
        case .phase(let name): advance(to: step, name, now)
        case .progress(let progress): advance(to: progress.step, phase, now)
        case .beat(let beat): advance(to: beat.step, beat.phase, now)
        case .checkpoint, .checkpointFailed, .result: lastProgress = now
        case .hello, .unknown: break
        }
        lastBeat = now
    }

    /// What is to be thought of it now.
    package func verdict(now: Duration) -> Verdict {
        let silence = now - lastProgress
        if silence > limit { return .hanging(since: silence, phase: phase) }
        return now - lastBeat > Self.longestSilence ? .stalled : .working
    }

    /// When the verdict may change next if nothing comes.
    package var deadline: Duration { min(hangDeadline, lastBeat + Self.longestSilence) }

    /// When it will count as hanging if nothing comes.
    package var hangDeadline: Duration { lastProgress + limit }

    /// Beats come every five seconds.
    static let longestSilence = Duration.seconds(60)

    /// The longest time without progress: ten mean steps, and never less than the phase may need.
    var limit: Duration { max((meanStep ?? .zero) * 10, Self.floor(of: phase)) }

    /// Phases in which no steps are counted get the time their largest reasonable input takes.
    static func floor(of phase: WorkerPhase) -> Duration {
        switch phase {
        case .train: .seconds(5 * 60)
        case .checkpoint: .seconds(10 * 60)
        case .load: .seconds(15 * 60)
        case .hash, .tokenize, .evaluate, .export: .seconds(60 * 60)
        }
    }

    private mutating func advance(to newStep: Int64, _ newPhase: WorkerPhase, _ now: Duration) {
        guard newStep > step || newPhase != phase else { return }
        if phase == .train, newPhase == .train, newStep > step, step > 0 {
            let each = (now - lastProgress) / Int(clamping: newStep - step)
            meanStep = meanStep.map { ($0 * 7 + each) / 8 } ?? each
        }
        step = max(step, newStep)
        phase = newPhase
        lastProgress = now
    }
}
