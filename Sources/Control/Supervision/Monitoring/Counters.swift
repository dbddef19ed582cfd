import JobModel

/// What has happened since the daemon started; for metrics only.
struct Counters {
    var attempts: [AttemptOutcome: Int] = [:]
    var checkpoints = 0
    var checkpointBytes: Int64 = 0
    var checkpointMilliseconds: Int64 = 0
    var checkpointFailures = 0
    /// Time between the order to stop and the end, added up, and how often.
    var stopTime = Duration.zero
    var stops = 0
    var runningTime = Duration.zero

    /// An attempt has ended and is recorded.
    mutating func ended(_ attempt: ActiveAttempt, _ outcome: AttemptOutcome, now: Duration) {
        attempts[outcome, default: 0] += 1
        runningTime += now - attempt.started
        guard let ladder = attempt.ladder else { return }
        stops += 1
        stopTime += now - ladder.begin
    }
}
