import DurableFiles
import Foundation
import Glibc
import JobModel
import Testing

/// The verbs of `hone` against a real daemon with real workers.
@Suite("Changing the queue", .serialized)
struct ControlTests {
    private func hone(_ shop: Workshop, _ arguments: String...) async throws -> RunningProgram {
        try await run(Programs.command, arguments, environment: ["HONE_ROOT": shop.root])
    }

    private func expect(
        _ status: Int32, _ program: RunningProgram, _ words: String = "", at place: SourceLocation = #_sourceLocation
    ) {
        let said = program.standardOutput + program.standardError
        #expect(program.process.terminationStatus == status, "\(said)", sourceLocation: place)
        if !words.isEmpty { #expect(said.contains(words), "\(said)", sourceLocation: place) }
    }

    /// Waits until a job is in a state, as `hone show --json` tells it.
    private func wait(_ shop: Workshop, _ job: String, _ state: JobState) async throws {
        for _ in 0..<600 {
            let shown = try await hone(shop, "why", job, "--json").standardOutput
            if shown.contains("\"state\":\"\(state.rawValue)\"") { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("\(job) did not become \(state.rawValue)")
    }

    private func running(_ shop: Workshop) async throws -> RunningProgram {
        let daemon = try shop.daemon([:], [])
        for _ in 0..<600 where !shop.exists("run/hone.sock") { try await Task.sleep(for: .milliseconds(20)) }
        return daemon
    }

    @Test func aJobIsHeldPausedResumedAndCancelled() async throws {
        let shop = try Workshop()
        let daemon = try await running(shop)
        try shop.write(SmallJob.pretrain("long", steps: 100_000), to: "long.yaml")
        try shop.write(SmallJob.pretrain("lm"), to: "lm.yaml")
        expect(0, try await hone(shop, "drain"), "draining")
        expect(0, try await hone(shop, "submit", "\(shop.root)/long.yaml", "\(shop.root)/lm.yaml"), "job 2 lm")
        expect(0, try await hone(shop, "hold", "2"), "held")
        expect(0, try await hone(shop, "prio", "10", "long", "2"), "priority 10")
        expect(0, try await hone(shop, "undrain"))
        try await wait(shop, "long", .running)
        expect(5, try await hone(shop, "hold", "long"), "hone pause")
        expect(0, try await hone(shop, "ckpt", "long"))
        let saved = { !shop.names(in: "\(shop.run("long"))/checkpoints").filter { $0.hasPrefix("step-") }.isEmpty }
        for _ in 0..<600 where !saved() { try await Task.sleep(for: .milliseconds(20)) }
        #expect(saved())
        expect(0, try await hone(shop, "pause", "long", "--json"), "\"want\":\"pause\"")
        try await wait(shop, "long", .held)
        expect(0, try await hone(shop, "resume", "long"))
        try await wait(shop, "long", .running)
        expect(0, try await hone(shop, "cancel", "long"))
        try await wait(shop, "long", .cancelled)
        expect(5, try await hone(shop, "stop", "long"), "not running")
        expect(0, try await hone(shop, "release", "2"))
        expect(0, try await hone(shop, "wait", "lm", "--timeout", "60s"), "succeeded")
        expect(3, try await hone(shop, "cancel", "nobody"), "no job nobody")
        expect(0, try await hone(shop, "events", "--job", "long"), "ckpt_requested")
        try await endWell(daemon)
    }

    @Test func oneCommandHoldsNamesAndWaits() async throws {
        let shop = try Workshop()
        let daemon = try await running(shop)
        try shop.write("# for table 3\n" + SmallJob.pretrain("lm"), to: "lm.yaml")
        let file = "\(shop.root)/lm.yaml"
        expect(0, try await hone(shop, "submit", "--dry-run", file), "lm would start now")
        expect(0, try await hone(shop, "submit", "--dry-run", "--hold", "--json", file), "\"held\"")
        expect(0, try await hone(shop, "submit", "--hold", "--key", "row 7", file), "job 1 lm")
        expect(0, try await hone(shop, "submit", "--hold", "--key", "row 7", file), "there already")
        expect(5, try await hone(shop, "submit", "--key", "row 7", file), "belongs to job 1")
        expect(2, try await hone(shop, "submit", "--key", "k", file, file), "--key names one job")
        expect(5, try await hone(shop, "submit", "--key", String(repeating: "k", count: 200), file), "idempotency_key")
        #expect(try shop.text("jobs/accepted/1-lm.yaml").hasPrefix("# for table 3\n"))
        expect(0, try await hone(shop, "why", "lm"), "held by its specification")
        expect(0, try await hone(shop, "release", "lm"))
        // What is submitted again is waited for as well.
        let again = try await hone(shop, "submit", "--hold", "--key", "row 7", "--wait", "--json", file)
        expect(0, again, "\"state\":\"succeeded\"")
        let wrong = SmallJob.pretrain("bad").replacing("learning_rate: 1e-3", with: "learning_rate: 1e30")
        try shop.write(wrong.replacing("max_failures: 50", with: "max_failures: 0"), to: "bad.yaml")
        expect(1, try await hone(shop, "submit", "--wait", "\(shop.root)/bad.yaml"), "job 2 bad failed")
        try await endWell(daemon)
        expect(4, try await hone(shop, "submit", "--wait", file), "nobody takes the files in")
    }

    @Test func filesOfOneNameAreAllThere() async throws {
        let shop = try Workshop()
        let files = try (1...4).map { number in
            try makeDirectory("\(shop.root)/\(number)")
            try shop.write(SmallJob.pretrain("lm\(number)"), to: "\(number)/job.yaml")
            return "\(shop.root)/\(number)/job.yaml"
        }
        let submitted = try await run(Programs.command, ["submit"] + files, environment: ["HONE_ROOT": shop.root])
        expect(0, submitted, "waits to be taken in")
        let dropped = shop.names(in: "jobs").filter { $0.hasSuffix("job.yaml") }
        #expect(Set(try dropped.map { try shop.text("jobs/\($0)") }).count == 4)
    }

    @Test func jobsThroughCurlQueuesAndWhatIsLeftBehind() async throws {
        let shop = try Workshop()
        let daemon = try await running(shop)
        expect(0, try await hone(shop, "admin", "check"), "ready")
        expect(0, try await hone(shop, "queue", "set", "default", "--max-running", "0"), "unlike hone.yaml")
        expect(2, try await hone(shop, "queue", "set", "default"), "--reset")
        try shop.write(SmallJob.pretrain("lm"), to: "lm.yaml")
        let sent = try await run(
            "/usr/bin/env",
            [
                "curl", "--silent", "--show-error", "--unix-socket", "\(shop.root)/run/hone.sock", "--data-binary",
                "@\(shop.root)/lm.yaml", "http://hone/v1/jobs",
            ])
        expect(0, sent, "\"name\":\"lm\"")
        expect(0, try await hone(shop, "queue"), "lm")
        expect(0, try await hone(shop, "queue", "ls"), "default")
        expect(0, try await hone(shop, "top", "--once"), "cores 0 of")
        expect(0, try await hone(shop, "queue", "set", "default", "--reset"))
        expect(0, try await hone(shop, "wait", "lm", "--timeout", "60s"), "succeeded")
        let bundle = "\(shop.root)/lm.tar.gz"
        expect(0, try await hone(shop, "admin", "bundle", "lm", "--output", bundle), bundle)
        let listing = try await run("/usr/bin/env", ["tar", "-tzf", bundle])
        expect(0, listing, "hone-1-lm/result.json")
        expect(0, listing, "hone-1-lm/events.jsonl")
        expect(0, try await hone(shop, "admin", "rescan"), "scanning")
        expect(0, try await hone(shop, "clean"), "of 0 jobs")
        expect(0, try await hone(shop, "clean", "--older", "0s", "--dry-run"), "of 1 jobs")
        expect(0, try await hone(shop, "clean", "--older", "0s", "--keep-artifacts"), "of 1 jobs")
        #expect(!shop.exists("runs/1-lm/checkpoints") && shop.exists("runs/1-lm/artifacts"))
        expect(0, try await hone(shop, "clean", "--older", "0s"), "of 1 jobs")
        #expect(!shop.exists("runs/1-lm/artifacts") && shop.exists("runs/1-lm/result.json"))
        try await endWell(daemon)
    }

    @Test func aWaitingJobIsEdited() async throws {
        let shop = try Workshop()
        let daemon = try await running(shop)
        try shop.write(SmallJob.pretrain("lm", steps: 6) + "\nhold: true\n", to: "lm.yaml")
        try shop.write(SmallJob.pretrain("lm", steps: 4), to: "shorter.yaml")
        expect(0, try await hone(shop, "submit", "\(shop.root)/lm.yaml"), "job 1 lm")
        expect(0, try await hone(shop, "edit", "lm", "--file", "\(shop.root)/shorter.yaml"), "replaces job 1")
        expect(0, try await hone(shop, "release", "2"))
        expect(0, try await hone(shop, "wait", "2", "--timeout", "60s"), "succeeded")
        #expect(try shop.result("lm").steps == 4)
        try await endWell(daemon)
    }

    @Test func allProgramsAreOfOneVersion() async throws {
        for program in [Programs.command, Programs.daemon, Programs.worker] {
            expect(0, try await run(program, ["--version"]), programBuild)
        }
    }

    @Test func whatIsSaidWithoutADaemon() async throws {
        let shop = try Workshop()
        try shop.write(SmallJob.pretrain("lm"), to: "lm.yaml")
        expect(0, try await hone(shop, "submit", "\(shop.root)/lm.yaml"), "waits to be taken in")
        expect(4, try await hone(shop, "cancel", "1"), "takes a running daemon")
        #expect(try await shop.settle().status == 0)
        expect(4, try await hone(shop, "drain"), "takes a running daemon")
        expect(0, try await hone(shop, "show", "lm"), "succeeded")
        expect(0, try await hone(shop, "events"), "job_accepted")
        let empty = "\(shop.root)/never-started"
        expect(4, try await run(Programs.command, ["submit", "--root", empty, "\(shop.root)/lm.yaml"]), "honed first starts")
    }

    /// Something has the socket and says nothing: the files still tell.
    @Test func aDaemonThatHangsIsNotWaitedForForEver() async throws {
        let shop = try Workshop()
        try shop.drop(SmallJob.pretrain("lm"), as: "lm.yaml")
        #expect(try await shop.settle().status == 0)
        guard let socket = SilentSocket(at: "\(shop.root)/run/hone.sock") else {
            Issue.record("no socket could be made")
            return
        }
        expect(0, try await hone(shop, "show", "lm"), "succeeded")
        _ = consume socket
    }

    @Test func eventsWithoutADaemonAreTheNewest() async throws {
        let shop = try Workshop()
        try shop.drop(SmallJob.pretrain("lm"), as: "lm.yaml")
        #expect(try await shop.settle().status == 0)
        let all = try await hone(shop, "events", "--after", "0").standardOutput.split(separator: "\n")
        let last = try await hone(shop, "events", "--after=-2").standardOutput.split(separator: "\n")
        #expect(all.count > 2 && last == all.suffix(2))
        let own = try await hone(shop, "events", "--job", "lm").standardOutput
        #expect(own.contains("job_accepted") && own.contains("succeeded"))
    }

    @Test func aRefusedFileIsToldAtOnce() async throws {
        let shop = try Workshop()
        let daemon = try await running(shop)
        try shop.write(
            SmallJob.pretrain("lm").replacing("text.txt", with: "nowhere.txt"), to: "lm.yaml")
        expect(5, try await hone(shop, "submit", "\(shop.root)/lm.yaml"), "nowhere.txt")
        try await endWell(daemon)
    }

    static let boundariesOfARequest = ["control.before_commit", "control.after_commit"]

    @Test(arguments: boundariesOfARequest)
    func aDaemonThatDiesWhileItIsAsked(_ boundary: String) async throws {
        let shop = try Workshop()
        let daemon = try shop.daemon(["HONE_FAILPOINT": "\(boundary):kill"], [])
        for _ in 0..<600 where !shop.exists("run/hone.sock") { try await Task.sleep(for: .milliseconds(20)) }
        try shop.write(SmallJob.pretrain("lm", steps: 100_000), to: "lm.yaml")
        expect(0, try await hone(shop, "submit", "\(shop.root)/lm.yaml"))
        try await wait(shop, "lm", .running)
        let asked = try await hone(shop, "pause", "lm")
        #expect(asked.process.terminationStatus == 4)
        #expect(try await daemon.wait() == -SIGKILL)
        let next = try await running(shop)
        let wanted: JobState = boundary == "control.after_commit" ? .held : .running
        try await wait(shop, "lm", wanted)
        expect(0, try await hone(shop, "cancel", "lm"))
        try await wait(shop, "lm", .cancelled)
        try await endWell(next)
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/curl"), "curl is not installed"))
    func curlSpeaksToTheSocket() async throws {
        let shop = try Workshop()
        let daemon = try await running(shop)
        try shop.write(SmallJob.pretrain("lm") + "\nhold: true\n", to: "lm.yaml")
        expect(0, try await hone(shop, "submit", "--quiet", "\(shop.root)/lm.yaml"), "1\n")
        func curl(_ arguments: String...) async throws -> String {
            let socket = ["-sS", "--max-time", "20", "--unix-socket", "\(shop.root)/run/hone.sock"]
            return try await run("/usr/bin/curl", socket + arguments).standardOutput
        }
        #expect(try await curl("http://hone/v1/jobs").contains("\"name\":\"lm\""))
        #expect(try await curl("-X", "POST", "http://hone/v1/jobs/lm/release").contains("\"want\":\"run\""))
        expect(0, try await hone(shop, "wait", "lm", "--timeout", "60s"))
        #expect(try await curl("http://hone/v1/events?job=lm").contains("\"to\":\"succeeded\""))
        #expect(try await curl("http://hone/metrics").contains("hone_attempts_total{outcome=\"success\"} 1"))
        try await endWell(daemon)
    }

    private func endWell(_ daemon: RunningProgram) async throws {
        daemon.kill(SIGTERM)
        #expect(try await daemon.wait() == 0, "\(daemon.standardError)")
    }
}

/// A socket that takes connections and never answers.
private struct SilentSocket: ~Copyable {
    private let descriptor: Int32

    init?(at path: String) {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0, listen(descriptor, 8) == 0 else { return nil }
    }

    deinit { close(descriptor) }
}
