import DurableFiles
package import JobModel
import JobQueue
import Logging
import Systemd

/// Jobs that come through the socket: checked like dropped files.
extension Supervisor {
    /// Makes a job of the specification in `bytes` (YAML or JSON), which belongs to whoever asks, as the kernel says.
    ///
    /// When this returns, the job is on the disk. A client that gets no answer may ask again without making a second
    /// job if its specification has an `idempotency_key`.
    package func accept(
        _ bytes: [UInt8], by requester: Requester
    ) async throws -> (answer: ControlAnswer, isNew: Bool) {
        let format = Self.format(of: bytes)
        let name = DropName(format == .json ? "request.json" : "request.yaml")
        let job = try await checked(bytes, format, owner: requester.uid, named: name)
        Boundary.ingestBeforeCommit.reach()
        let (number, isNew) = try await store.accept(
            job, from: Int64(requester.uid), actor: requester.actor, now: time.wall)
        Boundary.ingestAfterCommit.reach()
        guard isNew else { return (try await answer(number, "is there already"), false) }
        unfinished.add(requester.uid)
        keepSource(of: number, job, format)
        await show(number)
        queueChanged()
        logger.event(
            .jobAccepted, "accepted a request of \(requester.actor) as job \(number)",
            [.jobID: "\(number)", .jobName: job.spec.name, .uid: "\(requester.uid)"])
        return (try await answer(number, "accepted"), true)
    }

    /// A specification that came through the socket, checked.
    func checked(
        _ bytes: [UInt8], _ format: SpecFormat, owner: UInt32, named name: DropName
    ) async throws -> NewJob {
        guard bytes.count <= DropDirectory.sizeLimit else {
            throw ControlError.invalid("\(bytes.count) bytes, expected at most \(DropDirectory.sizeLimit)")
        }
        unfinished.isExact = false
        do {
            return try await admission(of: bytes, format: format, owner: owner, named: name)
        } catch let rejection as Rejection {
            throw ControlError.invalid(rejection.description)
        }
    }

    /// What a rebuild of the queue reads, as after a drop. The queue has all of it, so a failure undoes nothing.
    private func keepSource(of number: Int64, _ job: NewJob, _ format: SpecFormat) {
        do {
            try prepareRunDirectory(number, job.spec.name, canonical: job.canonical)
            let ending = format == .json ? "json" : "yaml"
            try spool.directory.accepted.write(
                String(decoding: job.source, as: UTF8.self), as: "\(number)-\(job.spec.name).\(ending)")
        } catch {
            logger.warning("a rebuild of the queue would not find job \(number) before it starts: \(error)")
        }
    }
}
