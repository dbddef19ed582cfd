import JobModel

/// What the supervisor knows of an attempt whose worker has not ended.
struct ActiveAttempt {
    let job: Int64
    let fence: Int64
    let run: RunDirectory
    let spec: JobSpec
    let cores: [Int]
    let memory: Int64
    /// On the clock of the supervisor.
    let started: Duration
    /// When its time limit is reached.
    let expires: Duration
    let orders: AsyncStream<WorkerOrder>.Continuation

    var watch: ProgressWatch
    /// Bytes of disk reserved.
    let disk: Int64
    /// Checkpoints published by this attempt, and the size of the newest.
    var checkpoints: (count: Int, bytes: Int64) = (0, 0)
    var ladder: StopLadder?
    var complaints = 0
    var isStalled = false
    var lastStep: Int64 = 0
    var lastRecorded: Duration
    var lastLogCheck: Duration
    /// When the journal last heard of it.
    var lastSpoken: Duration
    /// As the queue has it, for those of higher priority.
    let priority: Int
    let submitted: Timestamp
    /// What the worker itself said about its end.
    var lastWords: ResultEvent?
    /// How its worker ended; set until the end is recorded.
    var exit: WorkerExit?
    var isRecording = false

    var queue: String { spec.queue }

    /// What is left of its reservation of disk: checkpoints that are there take no further room.
    var unwrittenDisk: Int64 {
        let kept = Int64(min(checkpoints.count, spec.checkpoint.keepLast))
        return max(0, disk - kept * checkpoints.bytes)
    }

    /// When something may have to be done about it.
    var deadline: Duration {
        if let ladder { return ladder.deadline ?? .seconds(Int64.max / 2) }
        return min(isStalled ? watch.hangDeadline : watch.deadline, expires)
    }
}
