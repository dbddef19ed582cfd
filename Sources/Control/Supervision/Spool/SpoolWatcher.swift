import DurableFiles
package import Logging

/// Decides when a file in the drop directory may be looked at. Events of the kernel are hints that save waiting; the
/// scan is the truth, and everything here works without a single event.
package struct SpoolWatcher {
    /// How long to wait for what.
    package struct Settings: Sendable {
        /// A file counts as written once nothing about it changed for this long.
        package var quiet = Duration.seconds(1)
        /// Time between two scans while hints arrive.
        package var scanInterval = Duration.seconds(30)
        /// Time between two scans without hints.
        package var blindScanInterval = Duration.seconds(1)
        /// Off in tests, and where a file system gives no events.
        package var usesInotify = true

        /// The times of the design.
        package init() {}
    }

    /// A file that is due to be looked at.
    package struct Arrival: Sendable, Hashable {
        /// Its name in the drop directory.
        package let name: DropName
        /// How long nothing about it has changed.
        package let age: Duration
        /// It came by a rename, so it is complete: no need to wait for a writer.
        package let isComplete: Bool
    }

    private struct Entry {
        var identity: FileIdentity
        var quietSince: Duration
        var notBefore: Duration
        var cameByRename: Bool
        /// Since when it cannot be read.
        var unsettledSince: Duration?
    }

    /// The directory as it is open now; another one after it was replaced underneath.
    package private(set) var directory: DropDirectory
    private let settings: Settings
    private let wake: @Sendable () -> Void
    private let logger: Logger
    private var inotify: Inotify?
    private var entries: [DropName: Entry] = [:]
    private var reported: Set<DropName> = []
    private var nextScan = Duration.zero
    /// The last scan did not see everything: there are more jobs than one scan looks at.
    private var isCutOff = false

    /// Opens the directory and watches it. `wake` is called, from any thread, when `poll` has something to do early.
    package init(
        _ path: String, settings: Settings = Settings(), logger: Logger, wake: @escaping @Sendable () -> Void
    ) throws {
        directory = try DropDirectory(path)
        self.settings = settings
        self.wake = wake
        self.logger = logger
        watch()
    }

    /// Whether some file is still waited for.
    package var isWaiting: Bool { !entries.isEmpty }

    /// When to call `poll` again if nothing wakes us before.
    package var deadline: Duration {
        entries.values.reduce(isCutOff && entries.isEmpty ? .zero : nextScan) { min($0, due($1)) }
    }

    /// Looks at hints, scans when it is time (or when `scanning`), and returns what is due, oldest first: `limit` at most.
    package mutating func poll(now: Duration, scanning: Bool = false, limit: Int = .max) throws -> [Arrival] {
        var mustScan = scanning || now >= nextScan
        for hint in inotify?.drain() ?? [] {
            switch hint {
            case .arrived(let name): observe(name, now, cameByRename: true)
            case .touched(let name): observe(name, now, cameByRename: false)
            case .rescan: mustScan = true
            }
        }
        if mustScan || isCutOff && entries.isEmpty { try scan(now) }
        return dueArrivals(now, limit)
    }

    /// Looks at a name that somebody speaks of, whatever the kernel has told of it. A path is no name.
    mutating func look(at name: DropName, now: Duration) {
        guard name.isOne else { return }
        observe(name, now, cameByRename: false)
    }

    /// Whether a file of this inode lies at a name that somebody speaks of.
    func holds(_ name: DropName, inode: Int64) -> Bool {
        name.isOne && (try? directory.identity(of: name))?.inode == inode
    }

    /// Says that a file was dealt with.
    package mutating func forget(_ name: DropName) { entries[name] = nil }

    /// Says that a file was not ready; it comes again after the quiet time.
    package mutating func lookAgain(_ name: DropName, now: Duration) {
        entries[name]?.notBefore = now + settings.quiet
    }

    /// For how long a file could not be read by now: since the first time this was asked, unless it settled in between.
    mutating func unsettledTime(of name: DropName, now: Duration) -> Duration {
        let since = entries[name]?.unsettledSince ?? now
        entries[name]?.unsettledSince = since
        return now - since
    }

    /// Says that a file could be read.
    mutating func settled(_ name: DropName) { entries[name]?.unsettledSince = nil }

    private mutating func watch() {
        inotify = nil
        guard settings.usesInotify else { return }
        do {
            inotify = try Inotify(watching: directory, wake: wake)
        } catch {
            logger.warning("no events for \(directory.path), scanning instead: \(error)")
        }
    }

    private mutating func scan(_ now: Duration) throws {
        if !directory.isCurrent {
            logger.warning("\(directory.path) or a shelf in it was replaced or removed; opening it anew")
            directory = try DropDirectory(directory.path)
            entries = [:]
            watch()
        }
        let found = try directory.scan()
        let present = Set(found.map(\.name))
        entries = entries.filter { present.contains($0.key) }
        reported.formIntersection(present)
        for (name, identity) in found { observe(name, identity, now, cameByRename: false) }
        isCutOff = found.count { $0.identity.isJob(named: $0.name) } >= DropDirectory.scanLimit
        nextScan = now + (inotify == nil ? settings.blindScanInterval : settings.scanInterval)
    }

    private mutating func observe(_ name: DropName, _ now: Duration, cameByRename: Bool) {
        guard !name.isHidden else { return }
        guard let identity = try? directory.identity(of: name) else {
            entries[name] = nil
            return
        }
        observe(name, identity, now, cameByRename: cameByRename)
    }

    private mutating func observe(_ name: DropName, _ identity: FileIdentity, _ now: Duration, cameByRename: Bool) {
        guard identity.isJob(named: name) else {
            if !identity.isDirectory && reported.insert(name).inserted {
                logger.info("ignored \(name.display): expected a name ending in .yaml, .yml or .json")
            }
            return
        }
        if let known = entries[name], known.identity == identity {
            if cameByRename { entries[name]?.cameByRename = true }
            return
        }
        entries[name] = Entry(identity: identity, quietSince: now, notBefore: now, cameByRename: cameByRename)
    }

    /// So many are looked at each time, so that their quiet time begins with their last change.
    private static let few = 256

    private mutating func dueArrivals(_ now: Duration, _ limit: Int) -> [Arrival] {
        // Of thousands that wait only those are looked at again whose turn it is; the others have theirs later.
        if entries.count <= Self.few {
            for name in Array(entries.keys) { observe(name, now, cameByRename: false) }
        }
        let next = entries.filter { due($0.value) <= now }
            .sorted {
                ($0.value.identity.modifiedNanoseconds, $0.key) < ($1.value.identity.modifiedNanoseconds, $1.key)
            }
            .prefix(limit)
        if entries.count > Self.few {
            for (name, _) in next { observe(name, now, cameByRename: false) }
        }
        return next.compactMap { name, _ -> Arrival? in
            guard let entry = entries[name], due(entry) <= now else { return nil }
            return Arrival(name: name, age: now - entry.quietSince, isComplete: entry.cameByRename)
        }
    }

    private func due(_ entry: Entry) -> Duration {
        max(entry.cameByRename ? entry.quietSince : entry.quietSince + settings.quiet, entry.notBefore)
    }
}
