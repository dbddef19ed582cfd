import ArgumentParser
import JobModel

struct Top: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The machine and the queue at a glance, until Ctrl-C.",
        discussion: """
            Cores, memory and disk that jobs hold and that are free, above the table of hone watch.

              hone top
              hone top --once          # one picture, for scripts
            """)

    @Flag(help: "Show one picture and end.")
    var once = false

    @OptionGroup var root: RootOption

    func run() async throws {
        let client = DaemonClient(root.place)
        _ = try askingDaemon { try client.get(DaemonRecord.self, "/v1/info") }
        try await LiveTable(root: root.place, header: { Self.header(client) }).run { _ in once }
    }

    /// A daemon that went away meanwhile leaves the table, which says what the database knows.
    private static func header(_ client: DaemonClient) -> [String] {
        guard let record = try? client.get(DaemonRecord.self, "/v1/info") else { return ["the daemon does not answer"] }
        let memory = "\(ByteSize(record.reservedMemory)) of \(ByteSize(record.memory))"
        let standing = record.degraded.map { "degraded: \($0)" } ?? (record.draining ? "draining" : "ready")
        return [
            "\(standing.styled(record.degraded == nil ? .green : .red)), process \(record.pid)",
            "cores \(record.busyCores) of \(record.cores), memory \(memory), disk \(ByteSize(record.freeDisk)) free",
            record.status, "",
        ]
    }
}
