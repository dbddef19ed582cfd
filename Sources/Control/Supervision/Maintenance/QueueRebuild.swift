import DurableFiles
import Glibc
package import JobModel
package import JobQueue

/// The queue, made anew from a copy of it and from the files of its jobs: for a database that is lost or damaged, and
/// for going back to a backup without forgetting what happened since.
///
/// The new queue is built beside the old one and takes its name at the end, so that being cut off anywhere means doing
/// it again. The old one is set aside, never removed. The caller holds the daemon's lock.
package struct QueueRebuild: Sendable {
    /// Where the rebuild begins.
    package enum Base: Sendable, Hashable {
        /// A copy of the queue.
        case copy(String)
        /// The newest backup that is whole; nothing if there is none.
        case newestBackup
        /// Nothing: the files alone.
        case nothing
    }

    /// What came of it.
    package struct Report: Sendable, Hashable, Codable {
        /// The copy it began with; nil for none.
        package var base: String?
        /// Copies that were passed over, with the reason.
        package var refusedCopies: [String] = []
        /// What became of the jobs.
        package var counts = RebuildCounts()
        /// Jobs in the new queue.
        package var jobs = 0
        /// Those of them that have not ended.
        package var live = 0
        /// Directories whose job could not be told, with the reason.
        package var unreadable: [String] = []
        /// Where the old queue lies now; nil if there was none.
        package var setAside: String?
    }

    static let asidePrefix = "set-aside-"
    static func draft(_ root: Root) -> String { "\(root.databaseFile).rebuild" }
    /// Jobs in one transaction.
    private static let batch = 500

    private let root: Root
    private let now: Timestamp

    /// A rebuild of the queue of `root`.
    package init(_ root: Root, now: Timestamp) {
        self.root = root
        self.now = now
    }

    /// Does it.
    package func run(from base: Base) async throws -> Report {
        var report = Report()
        let store = try beginDraft(base, &report)
        MaintenanceBoundary.afterDraft.reach()
        let found = try jobs(&report)
        for start in stride(from: 0, to: found.jobs.count, by: Self.batch) {
            let batch = Array(found.jobs[start..<min(start + Self.batch, found.jobs.count)])
            let counts = try await store.rebuild(batch, now: now)
            report.counts.added += counts.added
            report.counts.broughtForward += counts.broughtForward
            report.counts.unchanged += counts.unchanged
        }
        try await store.keepNumbersFree(upTo: found.highest)
        let census = try await store.census()
        (report.jobs, report.live) = (census.all, census.live)
        MaintenanceBoundary.afterJobs.reach()
        try await store.close()
        let log = "\(Self.draft(root))-wal"
        guard fileKind(log) == .missing else {
            throw FileError(path: log, operation: "check", code: 0, detail: "it could not be written into its database")
        }
        MaintenanceBoundary.afterClose.reach()
        report.setAside = try setAsideOld()
        MaintenanceBoundary.afterSettingAside.reach()
        try publish()
        MaintenanceBoundary.afterPublish.reach()
        return report
    }

    private func beginDraft(_ base: Base, _ report: inout Report) throws -> SQLiteJobStore {
        let draft = Self.draft(root)
        switch base {
        case .nothing: return try SQLiteJobStore.draft(at: draft, from: nil, now: now)
        case .copy(let path):
            let store = try SQLiteJobStore.draft(at: draft, from: path, now: now)
            report.base = path
            return store
        case .newestBackup:
            for path in root.backups.reversed() {
                do {
                    let store = try SQLiteJobStore.draft(at: draft, from: path, now: now)
                    report.base = path
                    return store
                } catch StoreError.databaseRefused(_, let reason, _) {
                    report.refusedCopies.append("\(path): \(reason)")
                }
            }
            return try SQLiteJobStore.draft(at: draft, from: nil, now: now)
        }
    }

    /// Every job that left files, in order of number, and the highest number that is taken.
    private func jobs(_ report: inout Report) throws -> (jobs: [RecoveredJob], highest: Int64) {
        let accepted = try AcceptedFiles(root)
        var waiting = accepted.waiting()
        var names = Dictionary(
            (fileKind(root.runs) == .directory ? try directoryNames(root.runs) : []).compactMap(RunName.init)
                .map { ($0.id, [$0]) }, uniquingKeysWith: { $0 + $1 })
        for number in accepted.numbers where names[number] == nil {
            let spec = accepted.source(of: number, specSHA256: nil).flatMap { try? Self.spec($0) }
            if let name = spec.flatMap({ RunName("\(number)-\($0.name)") }) { names[number] = [name] }
        }
        try refuseLiveWorkers(names.values.flatMap(\.self))
        var jobs: [RecoveredJob] = []
        for number in names.keys.sorted() {
            for name in names[number] ?? [] {
                do {
                    jobs.append(try job(name, accepted, &waiting))
                } catch where root.run(name.id, name.name).isUnbegun {
                    // Killed before the specification was written: the file is still in the drop directory.
                    try removeTree(root.run(name.id, name.name).path)
                } catch {
                    report.unreadable.append("\(root.runs)/\(name.directory): \(error)")
                }
            }
        }
        return (jobs, max(accepted.highest, names.keys.max() ?? 0))
    }

    private static func spec(_ drop: AcceptedFiles.Drop) throws -> JobSpec {
        try JobSpec.decode(drop.bytes, format: SpecFormat(fileName: drop.file.name) ?? .yaml)
    }

    private func job(
        _ name: RunName, _ accepted: AcceptedFiles, _ waiting: inout [AcceptedFiles.Drop]
    ) throws -> RecoveredJob {
        let evidence = RunEvidence(root.run(name.id, name.name))
        // One that a loss of power has left empty is missing: the file that was accepted says the same.
        let written = Result { try evidence.specification() }
        var resolved = (try? written.get()) ?? nil
        let digest = resolved.map { SHA256.hex(of: $0.bytes) }
        var source = accepted.source(of: name.id, specSHA256: digest)
        var isInDrop = false
        if source == nil, evidence.result == nil, let digest,
            let place = waiting.firstIndex(where: { $0.specSHA256 == digest })
        {
            // Committed, and killed before the file was moved: the next scan makes up for the move alone.
            source = waiting.remove(at: place)
            isInDrop = true
        }
        if resolved == nil, let source {
            let spec = try Self.spec(source)
            resolved = (spec, spec.canonicalJSON())
        }
        guard let (spec, canonical) = resolved else {
            _ = try written.get()
            throw FileError(path: evidence.run.spec, operation: "read", code: ENOENT)
        }
        guard spec.name == name.name else {
            throw FileError(
                path: evidence.run.spec, operation: "check", code: 0,
                detail: "it is the specification of \(spec.name), expected \(name.name)")
        }
        let reservation = Reservation(spec)
        let job = NewJob(
            spec: spec, canonical: canonical, specSHA256: SHA256.hex(of: canonical), source: source?.bytes ?? canonical,
            memory: reservation.memory, disk: reservation.disk)
        return RecoveredJob(
            id: name.id, job: job, file: source?.file ?? Self.placeholder(name, evidence, canonical), isInDrop: isInDrop,
            fence: evidence.fence, standing: evidence.standing,
            submitted: evidence.submitted(otherwise: now))
    }

    /// Stands for a dropped file that is not there any more.
    private static func placeholder(_ name: RunName, _ evidence: RunEvidence, _ canonical: [UInt8]) -> SubmittedFile {
        SubmittedFile(
            name: "\(name.name).json", uid: evidence.owner, device: 0, inode: name.id, modifiedNanoseconds: 0,
            size: Int64(canonical.count), sha256: SHA256.hex(of: canonical))
    }

    /// A worker that outlived its daemon will still write; the queue is rebuilt from what lies still.
    private func refuseLiveWorkers(_ names: [RunName]) throws {
        for name in names {
            let lock = root.run(name.id, name.name).lock
            guard fileKind(lock) == .file, try FileLock.acquire(lock) == nil else { continue }
            throw FileError(
                path: lock, operation: "check", code: 0,
                detail: "a worker still runs job \(name.id); wait until it has ended, or stop it (fuser \(lock))")
        }
    }

    /// Moves what is left of the old queue into a directory of its own.
    private func setAsideOld() throws -> String? {
        let old = ["", "-wal", "-shm"].map { root.databaseFile + $0 }.filter { fileKind($0) != .missing }
        guard !old.isEmpty else { return nil }
        let directory = "\(root.database)/\(Self.asidePrefix)\(now.fileStamp)"
        try makeDirectory(directory, mode: 0o700)
        // The database first: a log without its database is refused, a database without its log would look whole.
        for path in old { try durableRename(path, to: "\(directory)/\(lastComponent(path))") }
        try syncDirectory(directory)
        return directory
    }

    private func publish() throws {
        let draft = Self.draft(root)
        try OpenFile(draft, O_RDONLY).sync()
        try durableRename(draft, to: root.databaseFile)
    }
}

extension Root {
    /// The daemon's backups, oldest first.
    package var backups: [String] {
        let directory = "\(database)/backup"
        let names = ((try? directoryNames(directory)) ?? []).filter { $0.hasPrefix("queue-") && $0.hasSuffix(".db") }
        return names.map { "\(directory)/\($0)" }
    }
}
