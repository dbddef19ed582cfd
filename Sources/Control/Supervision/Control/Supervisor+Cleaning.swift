import DurableFiles
import Glibc
package import JobModel
import JobQueue
import Logging

/// Room on the disk: what ended jobs leave behind.
extension Supervisor {
    /// Removes checkpoints and artifacts of jobs that ended long ago and that `requester` may change.
    ///
    /// Specification, result, metrics and logs stay: they are small, and the queue can be rebuilt from them. What
    /// unfinished jobs wait for stays, and so does everything of quarantined jobs. It is recorded before it is done; what
    /// a crash leaves is removed the next time.
    package func clean(_ wanted: CleanRequest, by requester: Requester) async throws -> CleanAnswer {
        guard wanted.olderMs >= 0 else { throw ControlError.invalid("older: expected a duration such as 30d") }
        let moment = Timestamp(milliseconds: time.wall.milliseconds - wanted.olderMs)
        var answer = CleanAnswer()
        var last: Int64 = 0
        while true {
            let page = try await store.endedJobs(before: moment, after: last, limit: Self.cleaningPage)
            for job in page where requester.mayChange(jobOf: job.uid, configuration) {
                try await clean(job, wanted, by: requester, &answer)
            }
            guard page.count == Self.cleaningPage, let end = page.last?.id else { break }
            last = end
        }
        if !wanted.dryRun && !answer.jobs.isEmpty {
            let what = "\(ByteSize(answer.bytes)) of \(answer.jobs.count) jobs"
            queueChanged()
            logger.notice("removed \(what), asked for by \(requester.actor)")
        }
        return answer
    }

    private static let cleaningPage = 1000

    private func clean(
        _ job: JobSummary, _ wanted: CleanRequest, by requester: Requester, _ answer: inout CleanAnswer
    ) async throws {
        let run = root.run(job.id, job.name)
        let names = run.removable(keepingArtifacts: wanted.keepArtifacts)
        guard !names.isEmpty else { return }
        let bytes = names.reduce(0) { $0 + treeSize("\(run.path)/\($1)") }
        do {
            Boundary.controlBeforeCommit.reach()
            try await store.requestCleaning(
                of: job.id, what: names, dryRun: wanted.dryRun, actor: requester.actor, now: time.wall)
            Boundary.controlAfterCommit.reach()
            if !wanted.dryRun {
                for name in names { try removeTree("\(run.path)/\(name)") }
                try syncDirectory(run.path)
            }
            answer.jobs.append(job.id)
            answer.bytes += bytes
        } catch let error as FileError {
            answer.kept.append("\(error)")
        } catch StoreError.refused(let reason) {
            answer.kept.append(reason)
        }
    }
}

/// Bytes that a directory and all below it take on the disk; what cannot be looked at counts nothing.
private func treeSize(_ path: String) -> Int64 {
    var status = stat()
    guard lstat(path, &status) == 0 else { return 0 }
    let own = Int64(status.st_blocks) * 512
    guard status.st_mode & S_IFMT == S_IFDIR, let names = try? directoryNames(path) else { return own }
    return names.reduce(own) { $0 + treeSize("\(path)/\($1)") }
}

extension RunDirectory {
    /// Names in it that take room and that nobody needs who does not want to go on with the job or to use its model.
    fileprivate func removable(keepingArtifacts: Bool) -> [String] {
        let names = ["checkpoints", "cache", "artifacts.tmp"] + (keepingArtifacts ? [] : ["artifacts"])
        return names.filter { fileKind("\(path)/\($0)") == .directory }
    }
}
