import JobModel

/// One key of the configuration: how it is read, how it is shown.
struct ConfigurationKey: Sendable {
    /// Dotted path; `*` stands for the name of a queue.
    let path: String
    /// What stands after "expected".
    let expected: String
    /// Sets the value, or returns false if it is not what is expected. `name` is what `*` stood for.
    let read: @Sendable (ConfigurationValue, _ name: String, inout Configuration) -> Bool
    /// The values as one would write them, by path.
    let show: @Sendable (Configuration) -> [(path: String, value: String)]

    /// All keys, in the order in which they are shown.
    static let all: [ConfigurationKey] = [
        list("model_roots", "a list of directories", \.modelRoots, isPath: true),
        list("dataset_roots", "a list of directories", \.datasetRoots, isPath: true),
        list("allow_users", "a list of user names or numbers", \.allowUsers, isPath: false),
        list("allow_groups", "a list of group names", \.allowGroups, isPath: false),
        list("admin_groups", "a list of group names", \.adminGroups, isPath: false),
        ConfigurationKey(path: "preempt_after", expected: "a duration such as 10min") { value, _, result in
            guard let time = value.text.flatMap({ Milliseconds($0) }), time.value > 0 else { return false }
            result.preemptAfter = time
            return true
        } show: { configuration in
            configuration.preemptAfter.map { [("preempt_after", "\($0)")] } ?? []
        },
        ConfigurationKey(path: "progress_interval", expected: "a duration such as 5min") { value, _, result in
            guard let time = value.text.flatMap({ Milliseconds($0) }), time.value >= 1000 else { return false }
            result.progressInterval = time
            return true
        } show: {
            [("progress_interval", "\($0.progressInterval)")]
        },
        number("cpus", 1...4096, \.cpus),
        size("memory", \.memory),
        number("reserve_cores", 0...4096, \.reserveCores),
        queue("max_running", 0...100_000, \.maxRunning),
        queue("max_cpus", 0...4096, \.maxCPUs),
        ConfigurationKey(path: "queues.*.priority", expected: "a whole number from -1000 to 1000") {
            value, name, result in
            guard let number = value.integer(in: -1000...1000) else { return false }
            result.queues[name, default: .init()].priority = number
            return true
        } show: { configuration in
            configuration.queues.sorted { $0.key < $1.key }.map {
                ("queues.\($0.key).priority", "\($0.value.priority)")
            }
        },
        ConfigurationKey(path: "limits.queued_per_user", expected: "a whole number above 0") { value, _, result in
            guard let number = value.integer(in: 1...1_000_000) else { return false }
            result.queuedPerUser = number
            return true
        } show: {
            [("limits.queued_per_user", "\($0.queuedPerUser)")]
        },
        ConfigurationKey(path: "limits.time_limit", expected: "a duration such as 36h") { value, _, result in
            guard let time = value.text.flatMap({ Milliseconds($0) }), time.value > 0 else { return false }
            result.timeLimit = time
            return true
        } show: {
            [("limits.time_limit", "\($0.timeLimit)")]
        },
        ConfigurationKey(path: "limits.log_bytes", expected: "a size such as 256MiB") { value, _, result in
            guard let size = value.text.flatMap({ ByteSize($0) }), size.bytes >= 1 << 20 else { return false }
            result.logBytes = size.bytes
            return true
        } show: {
            [("limits.log_bytes", "\($0.logBytes)B")]
        },
    ]

    private static func list(
        _ path: String, _ expected: String, _ place: any WritableKeyPath<Configuration, [String]> & Sendable,
        isPath: Bool
    ) -> ConfigurationKey {
        ConfigurationKey(path: path, expected: expected) { value, _, result in
            guard let texts = value.list, !texts.contains("") else { return false }
            result[keyPath: place] = isPath ? texts.map(value.absolutePath) : texts
            return true
        } show: {
            [(path, "[" + $0[keyPath: place].joined(separator: ", ") + "]")]
        }
    }

    private static func number(
        _ path: String, _ range: ClosedRange<Int>, _ place: any WritableKeyPath<Configuration, Int?> & Sendable
    ) -> ConfigurationKey {
        ConfigurationKey(path: path, expected: "a whole number from \(range.lowerBound) to \(range.upperBound)") {
            value, _, result in
            guard let number = value.integer(in: range) else { return false }
            result[keyPath: place] = number
            return true
        } show: { configuration in
            configuration[keyPath: place].map { [(path, "\($0)")] } ?? []
        }
    }

    private static func size(
        _ path: String, _ place: any WritableKeyPath<Configuration, Int64?> & Sendable
    ) -> ConfigurationKey {
        ConfigurationKey(path: path, expected: "a size such as 12GiB") { value, _, result in
            guard let size = value.text.flatMap({ ByteSize($0) }), size.bytes > 0 else { return false }
            result[keyPath: place] = size.bytes
            return true
        } show: { configuration in
            configuration[keyPath: place].map { [(path, "\($0)B")] } ?? []
        }
    }

    private static func queue(
        _ key: String, _ range: ClosedRange<Int>, _ place: any WritableKeyPath<Scheduler.QueueLimits, Int?> & Sendable
    ) -> ConfigurationKey {
        ConfigurationKey(path: "queues.*.\(key)", expected: "a whole number from \(range.lowerBound) up") {
            value, name, result in
            guard let number = value.integer(in: range) else { return false }
            result.queues[name, default: .init()][keyPath: place] = number
            return true
        } show: { configuration in
            configuration.queues.sorted { $0.key < $1.key }.compactMap { name, limits in
                limits[keyPath: place].map { ("queues.\(name).\(key)", "\($0)") }
            }
        }
    }
}

/// A value as written in a configuration file.
struct ConfigurationValue {
    /// A scalar; nil for a list.
    let text: String?
    /// A list of scalars; nil for anything else.
    let list: [String]?
    /// Directory of the file, for relative paths.
    let directory: String

    func integer(in range: ClosedRange<Int>) -> Int? {
        guard let text, text.wholeMatch(of: /[+-]?(0|[1-9][0-9]{0,8})/) != nil, let number = Int(text)
        else { return nil }
        return range.contains(number) ? number : nil
    }

    func absolutePath(_ path: String) -> String { path.hasPrefix("/") ? path : "\(directory)/\(path)" }
}
