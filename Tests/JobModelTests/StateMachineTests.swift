import JobModel
import Testing

@Suite struct StateMachineTests {
    private static let policy = RetryPolicy()
    private static let now = Timestamp(milliseconds: 1_000_000)

    private static func report(
        _ ending: AttemptEnding, step: Int64 = 0, repeats: Int = 1, policy: RetryPolicy = policy
    ) -> AttemptReport {
        AttemptReport(ending, lastStep: step, repeats: repeats, policy: policy, now: now)
    }

    /// Every event there is, in every variant that can lead elsewhere.
    static let events: [LifecycleEvent] =
        [
            .ready, .unready, .dependencyBroken(cancel: false), .dependencyBroken(cancel: true), .claimed, .lockHeld,
            .stopRequested, .backoffExpired, .retried,
        ] + JobWish.allCases.flatMap { [.wished($0, ready: true), .wished($0, ready: false)] }
        + AttemptOutcome.allCases.map { .attemptEnded(report(AttemptEnding($0))) }
        + [
            .attemptEnded(report(AttemptEnding(.crash), repeats: 3)),
            .attemptEnded(report(WorkerExitCode.lockHeld.ending)),
        ]

    @Test(arguments: JobState.allCases, JobWish.allCases)
    func everyEventMovesOnlyAlongLegalSteps(_ state: JobState, _ wish: JobWish) {
        for event in Self.events {
            guard case .becomes(let next, let path) = Lifecycle(state: state, wish: wish).applying(event) else {
                continue
            }
            var here = state
            for step in path {
                #expect(here.successors.contains(step), "\(state) to \(step) by \(event)")
                here = step
            }
            #expect(here == next.state)
        }
    }

    @Test func everyLegalStepIsTakenBySomeEvent() {
        var taken: Set<[JobState]> = []
        for state in JobState.allCases {
            for wish in JobWish.allCases {
                for event in Self.events {
                    guard case .becomes(_, let path) = Lifecycle(state: state, wish: wish).applying(event) else {
                        continue
                    }
                    taken.formUnion(zip([state] + path, path).map { [$0, $1] })
                }
            }
        }
        let legal = JobState.allCases.flatMap { from in from.successors.map { [from, $0] } }
        for step in legal { #expect(taken.contains(step), "\(step)") }
    }

    @Test func successIsFinal() {
        for event in Self.events {
            guard case .refused = Lifecycle(state: .succeeded).applying(event) else {
                Issue.record("succeeded took \(event)")
                continue
            }
        }
    }

    private func after(_ lifecycle: Lifecycle, _ event: LifecycleEvent) -> Lifecycle? {
        guard case .becomes(let next, _) = lifecycle.applying(event) else { return nil }
        return next
    }

    @Test func interruptionsGoBackToTheQueueAsOftenAsTheyCome() {
        var job: Lifecycle? = Lifecycle(state: .queued)
        for _ in 0..<20 {
            job = job.flatMap { after($0, .claimed) }.flatMap { after($0, .lockHeld) }
            job = job.flatMap { after($0, .attemptEnded(Self.report(AttemptEnding(.checkpointed)))) }
        }
        #expect(job?.state == .queued && job?.interruptions == 20 && job?.failures == 0 && job?.fence == 20)
    }

    @Test func failuresCountUntilTheJobGetsFurther() {
        var job = Lifecycle(state: .running, failures: 2, bestStep: 10)
        #expect(after(job, .attemptEnded(Self.report(AttemptEnding(.crash), step: 10)))?.state == .failed)
        let further = after(job, .attemptEnded(Self.report(AttemptEnding(.crash), step: 11)))
        #expect(further?.state == .backoff && further?.failures == 1 && further?.bestStep == 11)
        #expect(further?.backoffUntil == Timestamp(milliseconds: 1_060_000))
        job.failures = 0
        #expect(after(job, .attemptEnded(Self.report(AttemptEnding(.crash), repeats: 3)))?.state == .quarantined)
    }

    @Test(arguments: [AttemptOutcome.specError, .dataError, .diverged, .timeout, .launchError])
    func hopelessFailuresAreNotTriedAgain(_ outcome: AttemptOutcome) {
        #expect(after(Lifecycle(state: .running), .attemptEnded(Self.report(AttemptEnding(outcome))))?.state == .failed)
    }

    @Test func divergenceIsTriedAgainOnlyWhereListed() {
        var policy = RetryPolicy()
        policy.on = [.diverged]
        let ended = LifecycleEvent.attemptEnded(Self.report(AttemptEnding(.diverged), policy: policy))
        #expect(after(Lifecycle(state: .running), ended)?.state == .backoff)
    }

    @Test(arguments: [(JobWish.run, JobState.queued), (.pause, .held), (.cancel, .cancelled)])
    func aStoppedJobRestsWhereItsOwnerWants(_ wish: JobWish, _ rest: JobState) {
        for state in [JobState.starting, .running, .stopping] {
            let job = Lifecycle(state: state, wish: wish)
            #expect(after(job, .attemptEnded(Self.report(AttemptEnding(.checkpointed))))?.state == rest)
        }
    }

    @Test func aResultCountsAlsoWhenTheStartWasNotRecorded() {
        let job = Lifecycle(state: .starting)
        let transition = job.applying(.attemptEnded(Self.report(AttemptEnding(.success))))
        #expect(transition == .becomes(Lifecycle(state: .succeeded), path: [.running, .succeeded]))
    }

    @Test func onlyAWantedJobIsClaimed() {
        #expect(after(Lifecycle(state: .queued), .claimed)?.fence == 1)
        #expect(after(Lifecycle(state: .queued, wish: .cancel), .claimed) == nil)
        #expect(after(Lifecycle(state: .blocked), .claimed) == nil)
    }

    @Test func backoffDoublesUpToAnHour() {
        let policy = RetryPolicy()
        #expect(
            (1...8).map { policy.delay(beforeRetry: $0, jitter: 0).value / 1000 } == [
                60, 120, 240, 480, 960, 1920, 3600, 3600,
            ])
        #expect(policy.delay(beforeRetry: 1, jitter: 0.5).value == 67_500)
        #expect(policy.delay(beforeRetry: 1_000_000, jitter: 0) == RetryPolicy.longestBackoff)
    }

    @Test func exitCodesMeanWhatTheManualSays() {
        #expect(WorkerExitCode.allCases.map(\.rawValue) == [0, 65, 70, 71, 73, 74, 75, 77, 78])
        #expect(WorkerExitCode.lockHeld.ending == AttemptEnding(.launchError, countsAs: .interruption))
        #expect(WorkerExitCode.permission.ending.weight == .failure)
        #expect(WorkerExitCode.checkpointed.ending.weight == .interruption)
    }
}
