import JobModel

/// When the next checkpoint is due: after a number of steps, or after a time that keeps the cost of saving under 2 %.
///
/// When it is written never changes a number of the run.
struct CheckpointCadence {
    /// Largest share of the time that goes into saving, unless a number of steps was asked for.
    private static let share = 0.02

    private let settings: CheckpointSettings
    private(set) var lastStep: Int?
    /// Attempts in a row that failed.
    private(set) var failures = 0
    private var lastTime = ContinuousClock.now
    private var lastSeconds = 0.0
    /// Step of the newest attempt, failed or not.
    private var lastAttempt = 0
    private var isForced = false

    init(_ settings: CheckpointSettings) { self.settings = settings }

    /// Asks for a checkpoint at the next opportunity.
    mutating func saveNow() { isForced = true }

    /// Asks for the newest checkpoint to be written anew: more is known of its step by now.
    mutating func saveAgain() {
        lastStep = nil
        isForced = true
    }

    func isDue(step: Int) -> Bool {
        if lastStep == step { return false }
        if isForced { return true }
        let patience = 1 << failures
        if let everySteps = settings.everySteps,
            failures == 0 ? step % everySteps == 0 : step >= lastAttempt + everySteps * patience
        {
            return true
        }
        let interval = max(settings.every.seconds, lastSeconds / Self.share) * Double(patience)
        return (ContinuousClock.now - lastTime) / .seconds(1) >= interval
    }

    /// - Parameter seconds: what writing took; nil when it was found, not written.
    mutating func saved(step: Int, seconds: Double?) {
        lastStep = step
        lastAttempt = step
        failures = 0
        lastTime = .now
        lastSeconds = seconds ?? 0
        isForced = false
    }

    mutating func failed(step: Int) {
        failures += 1
        lastAttempt = step
        lastTime = .now
        isForced = false
    }
}
