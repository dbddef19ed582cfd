import DurableFiles
import JobModel
import JobQueue
import Logging
import Systemd

/// From a job that waits to a job that may start: inputs of other jobs are looked up, files are hashed, needs measured.
extension Supervisor {
    func prepareJobs() async throws {
        try await recordDigests()
        try await endBackoffs()
        let now = time.monotonic
        guard isQueueChanged || prepareAgain.map({ $0 <= now }) ?? false, now >= mayDecide else { return }
        // What changes from here on is looked at in the next turn; this turn's decision is made in any case.
        isQueueChanged = false
        prepareAgain = nil
        mustDecide = .zero
        do {
            try await prepareBlocked()
        } catch {
            isQueueChanged = true
            throw error
        }
    }

    private func prepareBlocked() async throws {
        for job in try await store.blockedJobs() where job.dependencies.allSatisfy(\.isSatisfied) {
            if !hashing.contains(job.id) { try await prepare(job) }
        }
    }

    /// Puts jobs back whose wait after a failure is over, by the clock that never jumps.
    private func endBackoffs() async throws {
        let waits = try await store.backoffs()
        let over = backoffs.over(waits, monotonic: time.monotonic, wall: time.wall)
        guard !over.isEmpty else { return }
        try await store.endBackoffs(of: over, now: time.wall)
        isQueueChanged = true
    }

    private func prepare(_ job: WaitingJob) async throws {
        do {
            let spec = try decoded(job.spec)
            var pins = job.inputs
            let found = try await missingInputs(of: job, spec, known: Set(pins.map(\.role)))
            if !found.isEmpty {
                pins += found
                try await measure(job, spec, pins)
                try await store.addInputs(found, to: job.id, now: time.wall)
            }
            hash(pins.filter { $0.sha256 == nil }, of: job, spec)
        } catch let refusal as Rejection {
            try await fail(job, .dataError, refusal.description)
        } catch let failure as PlanFailure {
            prepareAgain = time.monotonic + Self.longestSleep
            logger.warning("job \(job.id) waits: \(failure)")
        }
    }

    /// The files of the inputs that were not known at admission: what other jobs have published since, and everything
    /// for a job of a rebuilt queue.
    private func missingInputs(
        of job: WaitingJob, _ spec: JobSpec, known: Set<InputRole>
    ) async throws -> [InputPin] {
        var found: [InputPin] = []
        for (role, reference) in spec.inputs where !known.contains(role) {
            let (path, roots) = try await place(of: reference, job)
            do throws(InputRoots.Refusal) {
                found += try roots.locate(path, for: role).pins
            } catch {
                throw Rejection(DropName(job.name), key: error.key, error.message)
            }
        }
        return found
    }

    private func place(of reference: InputReference, _ job: WaitingJob) async throws -> (String, InputRoots) {
        switch reference {
        case .path(let path, _): return (path, configuration.inputRoots(root))
        case .artifact(let target, let artifact):
            let source = try await runName(of: target, uid: job.uid, details: store.job(job.id))
            let path = "\(source)/artifacts" + (artifact.map { "/\($0)" } ?? "")
            return (path, InputRoots(models: [root.runs], datasets: [root.runs]))
        }
    }

    /// Name of the run directory of the job that a dependency is bound to.
    private func runName(of target: Dependency.Target, uid: Int64, details: JobDetails?) async throws -> String {
        let bound: Int64? =
            switch target {
            case .number(let number): number
            case .name(let name): details?.dependencies.first { $0.name == name }?.job
            }
        guard let bound, let source = try await store.job(bound) else {
            let name = DropName(details?.summary.name ?? "")
            throw Rejection(name, "the job that an input comes from is not known: \(target)")
        }
        return source.summary.runDirectory
    }

    /// Measures a job whose inputs were not known at its admission.
    private func measure(_ job: WaitingJob, _ spec: JobSpec, _ pins: [InputPin]) async throws {
        let rules = AdmissionRules(configuration, root: root, machine: machine)
        let paths = InputPaths.located(spec, pins: pins)
        let plan = try await plan(spec, paths, rules, named: DropName(job.name))
        let reservation = Reservation(spec, plan)
        try await store.reserve(job.id, memory: reservation.memory, disk: reservation.disk)
    }

    /// The plan of a job, checked against the machine.
    func plan(
        _ spec: JobSpec, _ paths: [InputRole: String], _ rules: AdmissionRules, named name: DropName
    ) async throws -> ResourcePlan {
        do throws(PlanFailure) {
            let plan = try await planner.plan(spec, inputs: paths)
            do throws(Rejection) {
                try rules.check(plan, spec, named: name)
            } catch {
                throw PlanFailure.refused(error.description)
            }
            return plan
        } catch {
            guard case .refused(let reason) = error else { throw error }
            throw Rejection(name, refusedByPlanner: reason)
        }
    }

    /// Hashes files in the background; the digests release the job once they are recorded.
    private func hash(_ pins: [InputPin], of job: WaitingJob, _ spec: JobSpec) {
        guard !pins.isEmpty else { return }
        hashing.insert(job.id)
        Task {
            await digest(pins, of: job, spec)
            isQueueChanged = true
            wake.signal()
        }
    }

    private func digest(_ pins: [InputPin], of job: WaitingJob, _ spec: JobSpec) async {
        var done: [InputPin] = []
        do {
            for var pin in pins {
                let digest = try await hasher.digest(pin)
                try Self.check(digest, of: pin, spec)
                pin.sha256 = digest
                done.append(pin)
            }
            hashed[job.id] = done
        } catch {
            do {
                try await fail(job, .dataError, "\(error)")
            } catch {
                logger.warning("job \(job.id): inputs were not hashed, trying again: \(error)")
            }
            hashing.remove(job.id)
        }
    }

    /// Pins the files that were hashed since the last turn, of all jobs together.
    private func recordDigests() async throws {
        guard !hashed.isEmpty else { return }
        let done = hashed
        try await store.pinInputs(done, now: time.wall)
        for job in done.keys {
            hashed[job] = nil
            hashing.remove(job)
        }
        isQueueChanged = true
    }

    static func check(_ digest: String, of pin: InputPin, _ spec: JobSpec) throws {
        for case (pin.role, .path(_, let expected?)) in spec.inputs where expected != digest {
            throw FileError(
                path: pin.path, operation: "check", code: 0,
                detail: "SHA-256 is \(digest), the job asks for \(expected)")
        }
    }

    private func fail(_ job: WaitingJob, _ outcome: AttemptOutcome, _ detail: String) async throws {
        try await store.fail(job.id, outcome: outcome, detail: detail, now: time.wall)
        isQueueChanged = true
        logger.event(
            .jobFailed, level: .error, "job \(job.id) failed before it started: \(detail)",
            [.jobID: "\(job.id)", .jobName: job.name, .failureClass: outcome.rawValue])
    }

    /// A specification as the database has it: canonical, written by this program or an earlier one.
    func decoded(_ spec: [UInt8]) throws -> JobSpec {
        do {
            return try JobSpec.decode(spec, format: .json)
        } catch {
            throw Rejection(DropName("spec.json"), error)
        }
    }
}
