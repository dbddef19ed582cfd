extension Lifecycle {
    /// The job after `event`: a pure function, the only place where states are decided.
    package func applying(_ event: LifecycleEvent) -> Transition {
        switch event {
        case .ready: state == .blocked ? moved(to: .queued) : refused(event)
        case .unready: state == .queued ? moved(to: .blocked) : refused(event)
        case .dependencyBroken(let cancel): afterBrokenDependency(cancel: cancel)
        case .claimed: afterClaim()
        case .lockHeld: state == .starting ? moved(to: .running) : refused(event)
        case .stopRequested: afterStopRequest()
        case .attemptEnded(let report): state.hasOpenAttempt ? after(report) : refused(event)
        case .backoffExpired: state == .backoff ? moved(to: .queued) : refused(event)
        case .wished(let wish, let ready): after(wish, ready: ready)
        case .retried: afterRetry()
        }
    }

    private func afterBrokenDependency(cancel: Bool) -> Transition {
        guard state == .blocked || state == .held else { return refused(.dependencyBroken(cancel: cancel)) }
        return moved(to: cancel ? .cancelled : .failed)
    }

    private func afterClaim() -> Transition {
        guard state == .queued, wish == .run else { return refused(.claimed) }
        var next = self
        next.fence += 1
        return next.moved(to: .starting)
    }

    private func afterStopRequest() -> Transition {
        switch state {
        case .starting, .running: moved(to: .stopping)
        case .stopping: .becomes(self, path: [])
        default: refused(.stopRequested)
        }
    }

    private func after(_ report: AttemptReport) -> Transition {
        var next = self
        let gotFurther = report.lastStep > bestStep
        next.bestStep = max(bestStep, report.lastStep)
        switch report.ending.weight {
        case .success:
            return next.moved(to: .succeeded)
        case .interruption:
            next.interruptions += 1
            return next.moved(to: next.restingState)
        case .failure:
            next.failures = (gotFurther ? 0 : failures) + 1
            return next.afterFailure(report)
        }
    }

    private func afterFailure(_ report: AttemptReport) -> Transition {
        let decision = report.policy.decision(
            after: report.ending.outcome, failures: failures, repeats: report.repeats, jitter: report.jitter)
        switch decision {
        case .fail: return moved(to: .failed)
        case .quarantine: return moved(to: .quarantined)
        case .retry where wish != .run: return moved(to: restingState)
        case .retry(let delay):
            var next = self
            next.backoffUntil = report.now + delay
            return next.moved(to: .backoff)
        }
    }

    private func after(_ wish: JobWish, ready: Bool) -> Transition {
        if state.isFinished { return refused(.wished(wish, ready: ready)) }
        var next = self
        next.wish = wish
        switch state {
        case .starting, .running: return wish == .run ? .becomes(next, path: []) : next.moved(to: .stopping)
        case .stopping: return .becomes(next, path: [])
        case .held, .blocked, .queued, .backoff:
            switch wish {
            case .cancel: return next.moved(to: .cancelled)
            case .pause: return next.moved(to: .held)
            case .run: return state == .held ? next.moved(to: ready ? .queued : .blocked) : .becomes(next, path: [])
            }
        case .succeeded, .failed, .cancelled, .quarantined: return refused(.wished(wish, ready: ready))
        }
    }

    private func afterRetry() -> Transition {
        switch state {
        case .failed, .cancelled, .quarantined:
            var next = self
            next.wish = .run
            next.failures = 0
            return next.moved(to: .queued)
        default: return refused(.retried)
        }
    }

    /// Where a job without an open attempt rests, as its owner wants it.
    private var restingState: JobState {
        switch wish {
        case .run: .queued
        case .pause: .held
        case .cancel: .cancelled
        }
    }

    /// A move along legal steps only. An attempt may end before its start or its stop was recorded; then the state
    /// in between is passed on the way.
    private func moved(to target: JobState) -> Transition {
        if state == target { return .becomes(self, path: []) }
        var next = self
        next.state = target
        if target != .backoff { next.backoffUntil = nil }
        if state.successors.contains(target) { return .becomes(next, path: [target]) }
        for between in [JobState.running, .blocked, .stopping]
        where state.successors.contains(between) && between.successors.contains(target) {
            return .becomes(next, path: [between, target])
        }
        return .refused("a job that is \(state.rawValue) cannot become \(target.rawValue)")
    }

    private func refused(_ event: LifecycleEvent) -> Transition {
        .refused("a job that is \(state.rawValue) does not take \(event)")
    }
}
