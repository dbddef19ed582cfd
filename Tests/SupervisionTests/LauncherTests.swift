import DurableFiles
import Glibc
import JobModel
import TestFolders
import Testing

@testable import Supervision

/// The launcher against scripted workers, good and bad.
@Suite("Local launcher")
struct LauncherTests {
    private let place: TestFolder
    private let run: RunDirectory

    init() throws {
        place = try TestFolder()
        try place.make("run")
        run = RunDirectory("\(place.path)/run")
    }

    /// What every well-behaved worker begins with.
    private static let hello =
        #"echo '{"type":"hello","v":1,"pid":1,"start_ticks":2,"boot_id":"b","build":"t"}'; read start"#

    private struct Run {
        let exit: WorkerExit
        let reports: [WorkerReport]

        var events: [WorkerEvent] { reports.compactMap { if case .event(let event) = $0 { event } else { nil } } }
        var complaints: [String] { reports.compactMap { if case .misbehaved(let text) = $0 { text } else { nil } } }
    }

    private func run(
        _ script: String, orders: [WorkerOrder] = [], hello: Duration = .seconds(60), niceness: Int32? = nil
    ) async throws -> Run {
        let program = try place.script("worker.sh", script)
        return await run(program: program, orders: orders, hello: hello, niceness: niceness)
    }

    private func run(
        program: String, orders: [WorkerOrder], hello: Duration, niceness: Int32? = nil
    ) async -> Run {
        var limits = LocalLauncher.Limits()
        limits.hello = hello
        let launcher = LocalLauncher(
            executable: program, limits: limits, niceness: niceness ?? ProcessIdentity.niceness()
        ) { run in
            WorkerEnvironment.variables(run: run, processorFlags: [])
        }
        let start = StartCommand(job: 4, fence: 2, runDir: run.path, specSha256: "0", inputs: [:], threads: 1)
        let reports = Collector<WorkerReport>()
        let (stream, continuation) = AsyncStream<WorkerOrder>.makeStream()
        let exit = await launcher.run(WorkerLaunch(start: start, run: run), orders: stream) { report in
            reports.add(report)
            // Orders follow the first sign that the worker listens.
            if case .event(.ready) = report { orders.forEach { continuation.yield($0) } }
        }
        return Run(exit: exit, reports: reports.all)
    }

    private static let ready = #"echo '{"type":"ready","lock":true,"cpus":[0],"blas":"x","resume_step":3}'"#

    /// Whatever the thread has that started it.
    @Test func aWorkerHasTheNicenessItIsGiven() async throws {
        let wanted = min(19, ProcessIdentity.niceness() + 3)
        let result = try await run(
            "\(Self.hello)\ncut -d' ' -f19 /proc/$$/stat > nice\n\(Self.ready)\nexit 0", niceness: wanted)
        #expect(result.exit.status == .exited(0))
        #expect(try place.read("run/nice") == "\(wanted)\n")
    }

    @Test func aNormalRun() async throws {
        let result = try await run(
            """
            \(Self.hello)
            printf '%s' "$start" > start.json
            echo words for the log >&2
            \(Self.ready)
            echo '{"type":"phase","name":"train"}'
            echo '{"type":"progress","step":1,"total":9,"loss":0.5}'
            echo '{"type":"something new"}'
            exit 0
            """)
        #expect(result.exit.status == .exited(0))
        #expect(
            result.events.dropFirst() == [
                .ready(ReadyEvent(cpus: [0], blas: "x", resumeStep: 3)), .phase(.train),
                .progress(ProgressEvent(step: 1, total: 9, loss: 0.5)), .unknown(type: "something new"),
            ])
        #expect(result.complaints == [])
        #expect(try place.read("run/log/attempt-002.log") == "words for the log\n")
        let start = try JSONCoding.decode(WorkerCommand.self, from: Array(try place.read("run/start.json").utf8))
        guard case .start(let fields) = start else {
            Issue.record("the first line was no start message")
            return
        }
        #expect(fields.fence == 2)
        #expect(fields.job == 4)
    }

    @Test func aWorkerInheritsNothing() async throws {
        setenv("HONE_TEST_SECRET", "1", 1)
        let leak = open("/dev/null", O_RDONLY)
        defer { close(leak) }
        let result = try await run(
            """
            \(Self.hello)
            tr '\\0' '\\n' < /proc/$$/environ > environment
            ls /proc/$$/fd > descriptors
            pwd > directory
            """)
        #expect(result.exit.status == .exited(0))
        let names = try place.read("run/environment").split(separator: "\n").compactMap {
            $0.split(separator: "=").first
        }
        #expect(
            names.sorted() == ["HOME", "LANG", "OPENBLAS_NUM_THREADS", "PATH", "SWIFT_BACKTRACE", "TMPDIR"])
        // 10 and above are the shell's own.
        let descriptors = try place.read("run/descriptors").split(separator: "\n").compactMap { Int($0) }
        #expect(descriptors.filter { $0 < 10 } == [0, 1, 2])
        #expect(try place.read("run/directory") == "\(run.path)\n")
    }

    @Test(arguments: [0, 65, 70, 75, 78]) func exitCodesArrive(_ code: Int32) async throws {
        let result = try await run("\(Self.hello); exit \(code)")
        #expect(result.exit.status == .exited(code))
    }

    @Test func aStopMessageIsObeyed() async throws {
        let result = try await run(
            """
            \(Self.hello)
            \(Self.ready)
            while read line; do case "$line" in *'"type":"stop"'*) exit 75;; esac; done
            exit 1
            """, orders: [.send(.checkpoint(reason: "test")), .send(.stop(StopCommand(mode: .checkpoint)))])
        #expect(result.exit.status == .exited(75))
    }

    @Test func aTerminationIsAnsweredWithACheckpoint() async throws {
        let result = try await run(
            """
            trap 'exit 75' TERM
            \(Self.hello)
            \(Self.ready)
            while :; do sleep 0.02; done
            """, orders: [.terminate])
        #expect(result.exit.status == .exited(75))
    }

    @Test func aKillReachesAllThatItStarted() async throws {
        let result = try await run(
            """
            trap '' TERM
            \(Self.hello)
            sleep 1000 & echo $! > child
            \(Self.ready)
            while :; do sleep 1000; done
            """, orders: [.terminate, .kill])
        #expect(result.exit.status == .signalled(SIGKILL))
        let child = try #require(Int32(try place.read("run/child").split(separator: "\n").first ?? ""))
        await ProcessIdentity.waitForEnd(of: child)
    }

    @Test func aWorkerThatKillsItself() async throws {
        let result = try await run("\(Self.hello); kill -9 $$")
        #expect(result.exit.status == .signalled(SIGKILL))
    }

    @Test func garbageIsReportedAndSkipped() async throws {
        let result = try await run(
            """
            \(Self.hello)
            printf 'not json\\n\\377\\376\\n[1,2]\\n{"type":"progress"}\\n'
            head -c 70000 /dev/zero | tr '\\0' x; echo
            \(Self.ready)
            """)
        #expect(result.exit.status == .exited(0))
        #expect(result.complaints.count == 5)
        #expect(result.complaints.first == "not a protocol message: not json")
        #expect(result.complaints.last == "a line of more than 65536 bytes")
        #expect(result.events.last == .ready(ReadyEvent(cpus: [0], blas: "x", resumeStep: 3)))
    }

    @Test func manyLinesJustBeforeTheEndAllArrive() async throws {
        let result = try await run(
            """
            \(Self.hello)
            i=0
            while [ $i -lt 1500 ]; do echo '{"type":"beat","mono_ms":1,"step":'$i',"phase":"train"}'; i=$((i+1)); done
            exit 75
            """)
        #expect(result.exit.status == .exited(75))
        #expect(result.events.count == 1501)
    }

    @Test func noHelloIsNoLaunch() async throws {
        let result = try await run("sleep 1000", hello: .milliseconds(100))
        guard case .notLaunched(let reason) = result.exit.status else {
            Issue.record("\(result.exit)")
            return
        }
        #expect(reason.hasPrefix("no hello within"))
    }

    @Test(arguments: [
        (#"echo '{"type":"ready","lock":true,"cpus":[],"blas":"x","resume_step":0}'; sleep 1000"#, "its first message"),
        (
            #"echo '{"type":"hello","v":9,"pid":1,"start_ticks":2,"boot_id":"b","build":"t"}'; sleep 1000"#,
            "it speaks version 9"
        ),
    ]) func aWrongBeginningIsNoLaunch(_ script: String, _ reason: String) async throws {
        let result = try await run(script)
        guard case .notLaunched(let text) = result.exit.status else {
            Issue.record("\(result.exit)")
            return
        }
        #expect(text.hasPrefix(reason))
    }

    @Test func aMissingProgramIsNoLaunch() async {
        let result = await run(program: "\(place.path)/nothing", orders: [], hello: .seconds(60))
        guard case .notLaunched(let text) = result.exit.status else {
            Issue.record("\(result.exit)")
            return
        }
        #expect(text.hasPrefix("\(place.path)/nothing: "))
    }

    /// As on a disk that is read-only for a while: the job is tried again, since nothing is wrong with it.
    @Test func aRunDirectoryThatTakesNoFileIsTheDisksFault() async throws {
        try durableWrite("in the way", to: run.logs)
        let result = try await run(Self.hello)
        guard case .notPrepared(let text) = result.exit.status else {
            Issue.record("\(result.exit)")
            return
        }
        #expect(text.hasPrefix("\(run.path): ") && result.reports.isEmpty)
        #expect(AttemptVerdict(result.exit, result: nil, stop: nil).ending == AttemptEnding(.ioError))
    }

    @Test func whatHoldsThePipeAfterTheEndIsKilled() async throws {
        let result = try await run("\(Self.hello); sleep 1000 & echo $! > child; exit 75")
        #expect(result.exit.status == .exited(75))
        let child = try #require(Int32(try place.read("run/child").split(separator: "\n").first ?? ""))
        await ProcessIdentity.waitForEnd(of: child)
    }

    @Test func closingTheOutputEarlyKeepsTheExitCode() async throws {
        let result = try await run("\(Self.hello); exec 1>&-; sleep 0.1; exit 65")
        #expect(result.exit.status == .exited(65))
    }

    @Test func blasKernelsFollowTheProcessor() {
        let skylake: Set<String> = ["avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"]
        #expect(WorkerEnvironment.blasKernels(["avx2", "fma"]) == nil)
        #expect(WorkerEnvironment.blasKernels(skylake) == "SkylakeX")
        #expect(WorkerEnvironment.blasKernels(skylake.union(["avx512_bf16"])) == "Cooperlake")
    }
}
