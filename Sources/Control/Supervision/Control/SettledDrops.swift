import JobModel
import JobQueue

/// What became of the newest dropped files. Only a convenience: the database has all of it.
struct SettledDrops {
    /// How many are remembered.
    static let capacity = 1000

    private var answers: [DropRequest: DropAnswer] = [:]
    private var order: [DropRequest] = []

    subscript(drop: DropRequest) -> DropAnswer? { answers[drop] }

    /// Takes note of a file that was dealt with.
    mutating func note(_ submission: Submission, _ drop: DropRequest) {
        if answers.updateValue(DropAnswer(submission), forKey: drop) == nil { order.append(drop) }
        guard order.count > Self.capacity else { return }
        for old in order.prefix(Self.capacity / 2) { answers[old] = nil }
        order.removeFirst(Self.capacity / 2)
    }
}

extension DropAnswer {
    fileprivate init(_ submission: Submission) {
        let outcome: Outcome =
            switch submission.outcome {
            case .accepted: .accepted
            case .rejected: .rejected
            case .duplicate: .duplicate
            }
        self.init(outcome: outcome, job: submission.job, name: submission.jobName, reason: submission.reason)
    }
}
