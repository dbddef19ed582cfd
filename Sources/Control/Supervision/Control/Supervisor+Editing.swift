import DurableFiles
package import JobModel
import JobQueue
import Logging
import Systemd

/// Editing: what a job is never changes, so another job takes its place.
extension Supervisor {
    /// Replaces a waiting job by the one in `bytes`, which is checked like a dropped file of the same owner.
    ///
    /// - Returns: how the new job stands.
    package func edit(_ job: Int64, _ bytes: [UInt8], by requester: Requester) async throws -> ControlAnswer {
        let before = try await changeable(job, by: requester)
        let other: NewJob
        do {
            other = try await admission(
                of: bytes, format: Self.format(of: bytes), owner: UInt32(clamping: before.uid),
                named: DropName("\(before.name).yaml"), replacing: true)
        } catch let rejection as Rejection {
            throw ControlError.refused(rejection.description)
        } catch let failure as PlanFailure {
            throw ControlError.refused("\(failure)")
        }
        Boundary.controlBeforeCommit.reach()
        let new = try await store.replace(job, with: other, actor: requester.actor, now: time.wall)
        Boundary.controlAfterCommit.reach()
        do {
            try prepareRunDirectory(new, other.spec.name, canonical: other.canonical)
        } catch {
            logger.warning("job \(new) gets its directory when it starts: \(error)")
        }
        await show(job)
        await show(new)
        queueChanged()
        log(before).notice("job \(job) was replaced by job \(new), asked for by \(requester.actor)")
        return try await answer(new, "replaces job \(job)")
    }

    /// JSON begins with a brace; a YAML flow mapping counts as JSON.
    static func format(of bytes: [UInt8]) -> SpecFormat {
        bytes.first { !" \t\r\n".utf8.contains($0) } == UInt8(ascii: "{") ? .json : .yaml
    }
}
