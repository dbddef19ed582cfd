import JobModel
import Testing

@Suite struct ProtocolTests {
    static let events: [WorkerEvent] = [
        .hello(HelloEvent(pid: 42, startTicks: 7, bootId: "b", build: "1.0")),
        .ready(ReadyEvent(cpus: [0, 1], blas: "SkylakeX", resumeStep: 30)),
        .phase(.tokenize),
        .progress(
            ProgressEvent(
                step: 3, total: 9, loss: .nan, lr: 1e-5, tokS: 12.5, etaS: 3, rss: 99,
                metrics: ["rewards/accuracies": 0.5, "eval_loss": 1, "gradNorm": 2])),
        .beat(BeatEvent(monoMs: 5, step: 3, phase: .train)),
        .checkpoint(CheckpointEvent(step: 3, dir: "step-000000003", manifestSha256: "ab", bytes: 10, ms: 2)),
        .checkpointFailed(errno: 28),
        .result(ResultEvent(outcome: .ioError, detail: "disk full", usage: WorkerUsage(cpuMs: 1, maxRss: 2))),
        .unknown(type: "song"),
    ]

    static let commands: [WorkerCommand] = [
        .start(
            StartCommand(
                job: 4, fence: 2, runDir: "/r", specSha256: "ff",
                inputs: ["dataset.train": "/d/x.jsonl", "model": "/m"],
                pins: [
                    InputPin(role: .model, path: "/m/config.json", device: 1, inode: 2, size: 3, modifiedNanoseconds: 4)
                ],
                cpus: [1], threads: 1, memory: 100, deadlineMs: 1000)),
        .checkpoint(reason: "asked"),
        .stop(StopCommand(mode: .checkpoint, deadlineMs: 60_000)),
        .unknown(type: "dance"),
    ]

    /// Not a number differs from itself, so the bytes are compared.
    @Test(arguments: events)
    func eventsSurviveTheirLine(_ event: WorkerEvent) throws {
        let line = try JSONLines.encode(event)
        #expect(line.last == UInt8(ascii: "\n") && line.count { $0 == UInt8(ascii: "\n") } == 1)
        var reader = LineReader<WorkerEvent>()
        guard case .message(let again)? = reader.receive(line).first else {
            Issue.record("not read back")
            return
        }
        #expect(try JSONLines.encode(again) == line)
    }

    @Test(arguments: commands)
    func commandsSurviveTheirLine(_ command: WorkerCommand) throws {
        var reader = LineReader<WorkerCommand>()
        #expect(reader.receive(try JSONLines.encode(command)) == [.message(command)])
    }

    @Test func fieldsHaveTheirDocumentedNames() throws {
        let hello = String(decoding: try JSONLines.encode(Self.events[0]), as: UTF8.self)
        #expect(hello == #"{"boot_id":"b","build":"1.0","pid":42,"start_ticks":7,"type":"hello","v":1}"# + "\n")
        let progress = String(decoding: try JSONLines.encode(Self.events[3]), as: UTF8.self)
        #expect(progress.contains(#""tok_s":12.5"#) && progress.contains(#""loss":"nan""#))
        #expect(progress.contains(#""gradNorm":2"#) && progress.contains(#""rewards/accuracies":0.5"#))
        let start = String(decoding: try JSONLines.encode(Self.commands[0]), as: UTF8.self)
        #expect(start.contains(#""run_dir":"/r""#) && start.contains(#""spec":"spec.json""#))
        #expect(start.contains(#""dataset.train":"/d/x.jsonl""#) && start.contains(#""deadline_ms":1000"#))
    }

    @Test func unknownFieldsAreIgnoredAndUnknownTypesReported() {
        var reader = LineReader<WorkerEvent>()
        let lines = #"{"type":"phase","name":"train","later":[1]}"# + "\n" + #"{"type":"song","key":"c"}"# + "\n"
        #expect(reader.receive(Array(lines.utf8)) == [.message(.phase(.train)), .message(.unknown(type: "song"))])
    }

    @Test func hostileLinesAreReportedAndSkipped() {
        var reader = LineReader<WorkerEvent>()
        var stream = Array("\u{1B}[31m not json\n\n".utf8)
        stream += Array(repeating: UInt8(ascii: "x"), count: JSONLines.longestLine * 3) + Array("\n".utf8)
        stream += Array(#"{"type":"phase","name":"load"}"#.utf8) + Array("\n{\"type\":".utf8)
        var received: [ReceivedLine<WorkerEvent>] = []
        for start in stride(from: 0, to: stream.count, by: 1000) {
            received += reader.receive(stream[start..<min(start + 1000, stream.count)])
        }
        #expect(received.count == 3)
        guard case .malformed(let text)? = received.first else {
            Issue.record("not reported")
            return
        }
        #expect(!text.contains("\u{1B}"))
        #expect(received[1] == .tooLong)
        #expect(received[2] == .message(.phase(.load)))
    }

    @Test func aLineThatIsTooLongIsNotWritten() {
        #expect(throws: JSONLines.LineTooLong.self) {
            try JSONLines.encode(WorkerCommand.checkpoint(reason: String(repeating: "x", count: JSONLines.longestLine)))
        }
    }

    @Test func recordsSurviveTheirFiles() throws {
        var status = StatusRecord(
            job: 1, name: "a", method: .tiDPO, state: .running, attempt: 2, updated: Timestamp(milliseconds: 5))
        status.metrics = ["rewards/margins": 1]
        #expect(try JSONCoding.decode(StatusRecord.self, from: JSONCoding.encode(status)) == status)
        let result = ResultRecord(
            job: 1, name: "a", method: .tiDPO, specSha256: "ab", fence: 2, outcome: .success, steps: 10,
            initialMetrics: ["eval_loss": 2], metrics: ["eval_loss": 1],
            artifacts: [.init(name: "model/model.safetensors", bytes: 3, sha256: "cd")],
            finished: Timestamp(milliseconds: 9))
        #expect(try JSONCoding.decode(ResultRecord.self, from: JSONCoding.encode(result)) == result)
    }

    @Test(arguments: [
        (WaitReason.resources(need: 8, free: 3, earliest: nil), #"{"resources":{"free":3,"need":8}}"#),
        (.dependencyName(name: "pwc-ae"), #"{"dependency_name":{"name":"pwc-ae"}}"#),
        (.queueLimit(running: 2, limit: 2), #"{"queue_limit":{"limit":2,"running":2}}"#),
        (.drain, #"{"drain":{}}"#),
    ])
    func reasonsAreObjectsOfTheirKind(_ reason: WaitReason, _ json: String) throws {
        #expect(String(decoding: try JSONCoding.encode(reason), as: UTF8.self) == json)
        #expect(try JSONCoding.decode(WaitReason.self, from: Array(json.utf8)) == reason)
        #expect(!reason.description.isEmpty)
    }
}
