import DurableFiles
import Foundation
import Glibc
import JobModel
import JobQueue
import Supervision
import Testing

@testable import ControlSocket

@Suite("Control socket")
struct ControlSocketTests {
    @Test func whatCanBeRead() async throws {
        let daemon = try await ListeningDaemon()
        let job = try await daemon.submit("first", "hold: true")
        #expect(try await daemon.ask("GET", "/healthz").text == "ok\n")
        #expect(try await daemon.ask("GET", "/readyz").status == 200)
        let jobs = try await daemon.ask("GET", "/v1/jobs").decoded([JobSummary].self)
        #expect(jobs.map(\.name) == ["first"])
        let details = try await daemon.ask("GET", "/v1/jobs/first").decoded(JobDetails.self)
        #expect(details == (try await daemon.store.job(job)))
        #expect(try await daemon.ask("GET", "/v1/jobs/\(job)").decoded(JobDetails.self) == details)
        let source = try await daemon.ask("GET", "/v1/jobs/\(job)/source")
        #expect(source.text.hasPrefix("name: first\n"))
        let info = try await daemon.ask("GET", "/v1/info").decoded(DaemonRecord.self)
        #expect(info.jobs == ["held": 1] && info.cores == 2 && !info.draining)
        try await daemon.end()
    }

    @Test func everyVerb() async throws {
        let daemon = try await ListeningDaemon()
        func ask(_ verb: String, _ job: Int64, _ body: [UInt8] = []) async throws -> ListeningDaemon.Answer {
            try await daemon.ask("POST", "/v1/jobs/\(job)/\(verb)", body)
        }
        let job = try await daemon.submit("first")
        try await daemon.wait(for: job, .running)
        #expect(try await ask("hold", job).status == 409)
        #expect(try await ask("ckpt", job).status == 200)
        for _ in 0..<500 where try await daemon.store.job(job)?.checkpoints.isEmpty != false {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(try await daemon.store.job(job)?.checkpoints.map(\.step) == [4])
        #expect(try await ask("stop", job).status == 200)
        for _ in 0..<1000 where try await daemon.store.job(job)?.attempts.count != 2 {
            try await Task.sleep(for: .milliseconds(5))
        }
        try await daemon.wait(for: job, .running)
        #expect(try await ask("pause", job).decoded(ControlAnswer.self).want == .pause)
        try await daemon.wait(for: job, .held)
        #expect(try await ask("ckpt", job).status == 409)
        #expect(try await ask("prio", job, Array(#"{"priority": 7}"#.utf8)).status == 200)
        #expect(try await daemon.store.job(job)?.summary.priority == 7)
        #expect(try await ask("prio", job, Array(#"{"priority": 5000}"#.utf8)).status == 400)
        #expect(try await ask("prio", job, Array("seven".utf8)).status == 400)
        #expect(try await ask("resume", job).status == 200)
        try await daemon.wait(for: job, .running)
        #expect(try await ask("cancel", job).status == 200)
        try await daemon.wait(for: job, .cancelled)
        #expect(try await ask("cancel", job).status == 409)
        #expect(try await ask("retry", job).status == 200)
        try await daemon.wait(for: job, .running)
        #expect(try await ask("cancel", 99).status == 404)
        try await daemon.end()
    }

    @Test func anEditedJobIsAnother() async throws {
        let daemon = try await ListeningDaemon()
        let job = try await daemon.submit("first", "hold: true\nidempotency_key: k")
        let better = "name: better\nmethod: sft\nmodel: base\ndataset: {train: rows.jsonl}\ntrain: {steps: 20}\n"
        let answer = try await daemon.ask(
            "POST", "/v1/jobs/\(job)/edit", Array((better + "idempotency_key: k\n").utf8))
        let new = try answer.decoded(ControlAnswer.self)
        #expect(new.name == "better" && new.job != job && new.state == .held)
        #expect(try await daemon.store.job(job)?.summary.state == .cancelled)
        #expect(try readText("\(daemon.root.runs)/\(new.job)-better/spec.json").contains("\"better\""))
        let wrong = try await daemon.ask("POST", "/v1/jobs/\(new.job)/edit", Array("name: 3\n".utf8))
        #expect(wrong.status == 409 && wrong.text.contains("method"))
        _ = try await daemon.submit("waits", "after: [better]")
        #expect(try await daemon.ask("POST", "/v1/jobs/\(new.job)/edit", Array(better.utf8)).status == 409)
        try await daemon.end()
    }

    @Test func aSpecificationThroughTheSocketIsAJob() async throws {
        let daemon = try await ListeningDaemon()
        let text = "name: sent\nmethod: sft\nmodel: base\ndataset: {train: rows.jsonl}\ntrain: {steps: 10}\n"
        let held = Array((text + "hold: true\nidempotency_key: once\n").utf8)
        let first = try await daemon.ask("POST", "/v1/jobs", held)
        let answer = try first.decoded(ControlAnswer.self)
        #expect(first.status == 201 && answer.name == "sent" && answer.state == .held)
        let again = try await daemon.ask("POST", "/v1/jobs", held)
        #expect(try again.status == 200 && again.decoded(ControlAnswer.self).job == answer.job)
        let summary = try #require(try await daemon.store.job(answer.job)?.summary)
        #expect(summary.uid == Int64(geteuid()))
        #expect(try readText("\(daemon.root.spool)/accepted/\(answer.job)-sent.yaml").hasPrefix(text))
        #expect(try readText("\(daemon.root.runs)/\(answer.job)-sent/spec.json").contains("\"sent\""))
        let json = """
            {"name": "asjson", "method": "sft", "model": "base", "dataset": {"train": "rows.jsonl"}, "train": {"steps": 3}}
            """
        let second = try await daemon.ask("POST", "/v1/jobs", Array(json.utf8)).decoded(ControlAnswer.self)
        try await daemon.wait(for: second.job, .running)
        let wrong = try await daemon.ask("POST", "/v1/jobs", Array("name: 3\n".utf8))
        #expect(wrong.status == 400 && wrong.text.contains("method"))
        let clash = try await daemon.ask("POST", "/v1/jobs", held + Array("comment: other\n".utf8))
        #expect(clash.status == 409 && clash.text.contains("once"))
        let long = try await daemon.ask("POST", "/v1/jobs", [UInt8](repeating: 35, count: 300_000))
        #expect(long.status == 400)
        try await daemon.end()
    }

    @Test func queuesAreSetWhileTheDaemonRuns() async throws {
        let daemon = try await ListeningDaemon()
        let none = Array(#"{"max_running": 0}"#.utf8)
        let set = try await daemon.ask("POST", "/v1/queues/default", none).decoded([QueueRecord].self)
        #expect(set.map(\.settings.maxRunning) == [0] && set.map(\.isChanged) == [true])
        let job = try await daemon.submit("first")
        for _ in 0..<500 where try await daemon.store.job(job)?.summary.reason != .queueLimit(running: 0, limit: 0) {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(try await daemon.store.job(job)?.summary.reason == .queueLimit(running: 0, limit: 0))
        #expect(try await daemon.store.settings("queue.").keys.sorted() == ["queue.default"])
        #expect(try await daemon.ask("POST", "/v1/queues/nowhere", none).status == 409)
        let wrong = Array(#"{"priority": 5000}"#.utf8)
        #expect(try await daemon.ask("POST", "/v1/queues/default", wrong).status == 400)
        for empty in ["{}", "{\"max-running\": 2}"] {
            #expect(try await daemon.ask("POST", "/v1/queues/default", Array(empty.utf8)).status == 400)
        }
        let reset = try await daemon.ask("POST", "/v1/queues/default/reset").decoded([QueueRecord].self)
        #expect(reset.map(\.isChanged) == [false])
        try await daemon.wait(for: job, .running)
        try await daemon.end()
    }

    /// Two people set different limits of one queue at the same moment: both hold, here and after a restart.
    @Test func nobodysSettingIsLost() async throws {
        let daemon = try await ListeningDaemon()
        for round in 1...20 {
            async let first = daemon.ask("POST", "/v1/queues/default", Array(#"{"max_running": \#(round)}"#.utf8))
            async let second = daemon.ask("POST", "/v1/queues/default", Array(#"{"max_cpus": \#(round + 1)}"#.utf8))
            async let third = daemon.ask("POST", "/v1/queues/default", Array(#"{"priority": \#(round + 2)}"#.utf8))
            #expect(try await [first.status, second.status, third.status] == [200, 200, 200])
            let there = try await daemon.ask("GET", "/v1/queues").decoded([QueueRecord].self).map(\.settings)
            let wanted = QueueSettings(maxRunning: round, maxCpus: round + 1, priority: round + 2)
            #expect(there == [wanted])
            let kept = try await daemon.store.settings("queue.")["queue.default"]
            #expect(try kept.map { try JSONCoding.decode(QueueSettings.self, from: Array($0.utf8)) } == wanted)
        }
        try await daemon.end()
    }

    @Test func aForecastChangesNothing() async throws {
        let daemon = try await ListeningDaemon()
        func forecast(_ name: String, _ more: String) async throws -> JobForecast {
            let body = Array(ListeningDaemon.spec(name, more).utf8)
            return try await daemon.ask("POST", "/v1/forecast", body).decoded(JobForecast.self)
        }
        #expect(try await forecast("a", "").reason == nil)
        #expect(try await forecast("a", "hold: true").reason == .held(by: "its specification"))
        #expect(try await forecast("a", "after: nobody").reason == .dependencyName(name: "nobody"))
        let job = try await daemon.submit("first")
        try await daemon.wait(for: job, .running)
        #expect(try await forecast("a", "after: first").reason == .dependency(job: job, state: .running))
        let wide = try await forecast("a", "resources: {cpus: 2}")
        guard case .resources(need: 2, free: 1, earliest: _?) = wide.reason else {
            Issue.record("\(wide)")
            return
        }
        #expect(wide.cpus == 2 && wide.memory > 0)
        let wrong = try await daemon.ask("POST", "/v1/forecast", Array("name: a\n".utf8))
        #expect(wrong.status == 400)
        #expect(try await daemon.store.jobs(JobPage(.all)).map(\.name) == ["first"])
        try await daemon.end()
    }

    @Test func whatEndedJobsLeaveIsRemoved() async throws {
        let daemon = try await ListeningDaemon()
        let job = try await daemon.submit("first", "hold: true")
        let run = "\(daemon.root.runs)/\(job)-first"
        for name in ["checkpoints/step-1", "artifacts"] { try makeDirectory("\(run)/\(name)") }
        try durableWrite("weights", to: "\(run)/artifacts/model")
        func clean(_ body: String) async throws -> CleanAnswer {
            try await daemon.ask("POST", "/v1/clean", Array(body.utf8)).decoded(CleanAnswer.self)
        }
        let all = #"{"older_ms": 0, "keep_artifacts": false, "dry_run": false}"#
        #expect(try await clean(all).jobs.isEmpty)
        _ = try await daemon.ask("POST", "/v1/jobs/\(job)/cancel")
        try await Task.sleep(for: .milliseconds(5))
        #expect(try await clean(#"{"older_ms": 86400000, "keep_artifacts": false, "dry_run": false}"#).jobs.isEmpty)
        let plan = try await clean(#"{"older_ms": 0, "keep_artifacts": false, "dry_run": true}"#)
        #expect(plan.jobs == [job] && fileKind("\(run)/artifacts") == .directory)
        #expect(try await clean(#"{"older_ms": 0, "keep_artifacts": true, "dry_run": false}"#).jobs == [job])
        #expect(fileKind("\(run)/checkpoints") == .missing && fileKind("\(run)/artifacts") == .directory)
        #expect(try await clean(all).jobs == [job])
        #expect(fileKind("\(run)/artifacts") == .missing && fileKind("\(run)/spec.json") == .file)
        #expect(try await clean(all).jobs.isEmpty)
        let cleaned = try await daemon.store.events(after: 0, job: job, limit: 100).filter { $0.type == "cleaned" }
        #expect(cleaned.count == 2)
        #expect(try await daemon.ask("POST", "/v1/rescan").status == 200)
        try await daemon.end()
    }

    @Test func nothingStartsWhileDraining() async throws {
        let daemon = try await ListeningDaemon()
        #expect(try await daemon.ask("POST", "/v1/drain").decoded(DaemonRecord.self).draining)
        let job = try await daemon.submit("first")
        try await daemon.wait(for: job, .queued)
        for _ in 0..<500 where try await daemon.store.job(job)?.summary.reason != .drain {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(try await daemon.store.job(job)?.summary.reason == .drain)
        _ = try await daemon.ask("POST", "/v1/undrain")
        try await daemon.wait(for: job, .running)
        try await daemon.end()
    }

    @Test func eventsGoOnWhereTheyWere() async throws {
        let daemon = try await ListeningDaemon()
        let job = try await daemon.submit("first", "hold: true")
        func events(_ query: String) async throws -> [QueueEvent] {
            try await daemon.ask("GET", "/v1/events\(query)").text.split(separator: "\n").map {
                try JSONCoding.decode(QueueEvent.self, from: Array($0.utf8))
            }
        }
        let all = try await events("")
        #expect(all.contains { $0.type == "job_accepted" && $0.job == job })
        let first = try #require(all.first?.sequence)
        #expect(try await events("?after=\(first)") == Array(all.dropFirst()))
        #expect(try await events("?limit=1") == Array(all.prefix(1)))
        #expect(try await events("?after=-1") == Array(all.suffix(1)))
        #expect(try await events("?job=\(job)").allSatisfy { $0.job == job })
        #expect(try await daemon.ask("GET", "/v1/events?after=x").status == 400)
        try await daemon.end()
    }

    @Test func aListenerHearsWhatHappensNow() async throws {
        let daemon = try await ListeningDaemon()
        let job = try await daemon.submit("first", "hold: true")
        let descriptor = try await daemon.client()
        defer { close(descriptor) }
        let request = "GET /v1/jobs/\(job)/events HTTP/1.1\r\nHost: hone\r\nAccept: text/event-stream\r\n\r\n"
        _ = Array(request.utf8).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        _ = try await daemon.ask("POST", "/v1/jobs/\(job)/cancel")
        let heard = await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var text = ""
                var buffer = [UInt8](repeating: 0, count: 4096)
                while !text.contains("cancelled") {
                    let count = read(descriptor, &buffer, buffer.count)
                    if count <= 0 { break }
                    text += String(decoding: buffer.prefix(count), as: UTF8.self)
                }
                continuation.resume(returning: text)
            }
        }
        #expect(heard.contains("text/event-stream") && heard.contains("event: wish\n"), "\(heard)")
        try await daemon.end()
    }

    @Test func metricsAreReadByPrometheus() async throws {
        let daemon = try await ListeningDaemon()
        let job = try await daemon.submit("first")
        try await daemon.wait(for: job, .running)
        let text = try await daemon.ask("GET", "/metrics").text
        let line = /(#( HELP | TYPE ).*)|([a-z_]+(\{([a-z]+="[^"\n]*",?)+\})? (-?[0-9.e+-]+|NaN))/
        for metric in text.split(separator: "\n") { #expect(metric.wholeMatch(of: line) != nil, "\(metric)") }
        #expect(text.contains("hone_jobs{state=\"running\"} 1\n"), "\(text)")
        #expect(text.contains("hone_cores{state=\"busy\"} 1\n"))
        #expect(text.contains("hone_job_step{job=\"\(job)\",name=\"first\"} 3\n"))
        #expect(try readText("\(daemon.root.metrics)/hone.prom").contains("hone_jobs{"))
        try await daemon.end()
    }

    @Test func whoMayDoWhat() {
        var configuration = Configuration()
        let me = Requester(uid: geteuid(), name: "me", groups: [])
        let ada = Requester(uid: 70_001, name: "ada", groups: ["hone"])
        let admin = Requester(uid: 70_002, name: "eve", groups: ["hone", "hone-admin"])
        #expect(me.isAdministrator(configuration) && admin.isAdministrator(configuration))
        #expect(!ada.isAdministrator(configuration))
        #expect(ada.mayChange(jobOf: 70_001, configuration))
        #expect(!ada.mayChange(jobOf: 70_002, configuration) && admin.mayChange(jobOf: 70_001, configuration))
        configuration.allowGroups = ["trainers"]
        #expect(!ada.mayChange(jobOf: 70_001, configuration))
        configuration.allowUsers = ["ada"]
        #expect(ada.mayChange(jobOf: 70_001, configuration))
    }

    @Test func theKernelSaysWhoAsks() async throws {
        let daemon = try await ListeningDaemon()
        let job = try await daemon.submit("first", "hold: true")
        _ = try await daemon.ask("POST", "/v1/jobs/\(job)/release")
        let events = try await daemon.store.events(after: 0, job: job, limit: 100)
        let expected = Requester.lookUp(uid: geteuid(), gid: getegid()).actor
        #expect(events.first { $0.type == "wish" }?.actor == expected)
        try await daemon.end()
    }

    @Test func theSocketIsForItsOwner() async throws {
        let daemon = try await ListeningDaemon(mode: 0o660)
        var status = stat()
        #expect(stat(daemon.root.socket, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o660)
        let path = daemon.root.socket
        try await daemon.end()
        #expect(stat(path, &status) != 0)
    }
}

func readText(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
