package import JobModel
import JobQueue
import Logging

extension QueueSettings {
    /// As the database has them.
    fileprivate init(recorded text: String) throws { self = try JSONCoding.decode(Self.self, from: Array(text.utf8)) }

    fileprivate var recorded: String { get throws { String(decoding: try JSONCoding.encode(self), as: UTF8.self) } }

    func apply(to limits: inout Scheduler.QueueLimits) {
        if let maxRunning { limits.maxRunning = maxRunning }
        if let maxCpus { limits.maxCPUs = maxCpus }
        if let priority { limits.priority = priority }
    }
}

extension [String: Scheduler.QueueLimits] {
    /// The configured limits with what was set since.
    func overridden(by settings: [String: QueueSettings]) -> Self {
        settings.reduce(into: self) { queues, entry in
            entry.value.apply(to: &queues[entry.key, default: .init()])
        }
    }
}

/// Queues: what people may set while the daemon runs.
extension Supervisor {
    private static let settingPrefix = "queue."

    /// Takes over what was set in earlier lives of the daemon.
    func readQueueSettings() async throws {
        for (name, text) in try await store.settings(Self.settingPrefix) {
            queueSettings[String(name.dropFirst(Self.settingPrefix.count))] = try QueueSettings(recorded: text)
        }
    }

    /// Answers of the database may overtake each other; the newest counts.
    private func take(_ settings: QueueSettings?, for queue: String, _ sequence: Int64) {
        guard sequence > queueSettingsSequences[queue, default: 0] else { return }
        queueSettingsSequences[queue] = sequence
        queueSettings[queue] = settings
        queueChanged()
    }

    /// All queues with their limits and what is in them, by name.
    package func queues() async throws -> [QueueRecord] {
        let limits = configuration.queues.overridden(by: queueSettings)
        let counts = try await store.queueCounts()
        let names = Set(limits.keys).union(counts.keys).union(["default"])
        return names.sorted().map { name in
            let here = limits[name] ?? .init()
            let jobs = counts[name] ?? [:]
            return QueueRecord(
                name: name,
                settings: QueueSettings(
                    maxRunning: here.maxRunning, maxCpus: here.maxCPUs, priority: here.priority),
                jobs: Dictionary(uniqueKeysWithValues: jobs.map { ($0.key.rawValue, $0.value) }),
                isChanged: queueSettings[name] != nil)
        }
    }

    /// Changes limits of a queue until they are changed again, also over restarts; nil goes back to the configuration.
    package func set(_ queue: String, to settings: QueueSettings?, by requester: Requester) async throws {
        guard requester.isAdministrator(configuration) else {
            throw ControlError.forbidden(
                "queues concern everybody: it takes root, the user of the daemon, or a group of admin_groups")
        }
        guard configuration.hasQueue(queue) || settings == nil && queueSettings[queue] != nil else {
            let known = (configuration.queues.keys + ["default"]).sorted().joined(separator: ", ")
            throw ControlError.refused("there is no queue \(queue); hone.yaml names the queues: \(known)")
        }
        if let complaint = settings?.complaint { throw ControlError.invalid(complaint) }
        Boundary.controlBeforeCommit.reach()
        // What somebody else sets at the same moment is kept: the database adds these to what is there.
        let (text, sequence) = try await store.changeSetting(
            Self.settingPrefix + queue, actor: requester.actor, now: time.wall
        ) { before in
            let known = try before.map(QueueSettings.init(recorded:)) ?? QueueSettings()
            return try settings.map { try known.merged(with: $0).recorded }
        }
        Boundary.controlAfterCommit.reach()
        let merged = try text.map(QueueSettings.init(recorded:))
        take(merged, for: queue, sequence)
        logger.notice("queue \(queue): \(merged?.description ?? "as configured"), asked for by \(requester.actor)")
    }
}
