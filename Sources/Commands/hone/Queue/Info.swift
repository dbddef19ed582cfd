import ArgumentParser
import JobModel
import JobQueue
import Supervision

struct Info: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "This machine, this installation, this daemon.",
        discussion: """
              hone info
              hone info --root ~/hone --json
            """)

    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    private struct Facts: Encodable {
        let version: String
        let root: String
        let spool: String
        let database: String
        let daemon: Int32?
        let socket: String
        let standing: DaemonRecord?
        let cores: [Int]
        let memory: Int64
        let matrixKernels: String?
        let worker: String?
        let methods: [String]
        let jobs: [String: Int]
    }

    func run() throws {
        let facts = try facts()
        if output.json { return try printJSON(facts) }
        var table = Table([("", .left), ("", .left)])
        func add(_ name: String, _ value: String) { table.add([Table.Cell(name, .faint), Table.Cell(value)]) }
        add("version", facts.version)
        add("runs", facts.root)
        add("drop jobs into", facts.spool)
        add("database", facts.database)
        add("daemon", facts.daemon.map { "runs as process \($0)" } ?? "does not run here")
        if let standing = facts.standing {
            add("status", standing.draining ? "draining; \(standing.status)" : standing.status)
            add("socket", facts.socket)
        }
        add(
            "jobs",
            facts.jobs.isEmpty
                ? "none" : facts.jobs.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        )
        add("cores for jobs", "\(facts.cores.count) (\(facts.cores.map(String.init).joined(separator: ",")))")
        add("memory for jobs", ByteSize(facts.memory).description)
        add("matrix kernels", facts.matrixKernels ?? "chosen by OpenBLAS")
        add("worker", facts.worker ?? "not found; set HONE_WORKER")
        add("methods", facts.methods.joined(separator: ", "))
        table.lines.dropFirst().forEach(Terminal.say)
    }

    private func facts() throws -> Facts {
        let place = root.place
        let machine = try Configuration.load(place).0.machine()
        let standing = try? DaemonClient(place).get(DaemonRecord.self, "/v1/info")
        return Facts(
            version: programVersion, root: place.runs, spool: place.spool, database: place.databaseFile,
            daemon: try standing?.pid ?? DaemonLock.holder(place), socket: place.socket, standing: standing,
            cores: machine.cores, memory: machine.memory,
            matrixKernels: WorkerEnvironment.blasKernels(WorkerEnvironment.processorFlags()),
            worker: try? Engine.locate(),
            methods: MethodDescription.all.filter(\.isImplemented).map(\.method.rawValue),
            jobs: standing?.jobs ?? counts(place))
    }

    /// How many jobs are in each state, of those that have not ended; empty where nothing can be read.
    private func counts(_ place: Root) -> [String: Int] {
        guard let reader = try? QueueReader.open(at: place.databaseFile), let counts = try? reader.liveCounts() else {
            return [:]
        }
        return Dictionary(uniqueKeysWithValues: counts.map { ($0.key.rawValue, $0.value) })
    }
}
