import Glibc
import JobModel
import TestFolders
import Testing

@testable import Supervision

@Suite("Attempts")
struct AttemptTests {
    private static func result(_ outcome: AttemptOutcome) -> ResultRecord {
        ResultRecord(
            job: 1, name: "a", method: .dpo, specSha256: "", fence: 1, outcome: outcome, detail: "said so", steps: 9,
            finished: Timestamp(milliseconds: 0))
    }

    private static func killed(_ reason: StopReason) -> StopLadder {
        var ladder = StopLadder(reason, now: .zero)
        _ = ladder.due(now: .seconds(3600))
        return ladder
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let title: String
        let exit: WorkerExit
        var result: ResultRecord?
        var stop: StopLadder?
        let ending: AttemptEnding

        var testDescription: String { title }
    }

    static let rows: [Row] = [
        Row(
            title: "a result decides", exit: .init(.signalled(SIGKILL)), result: result(.success),
            ending: .init(.success)),
        Row(
            title: "a result decides even after a stop", exit: .init(.exited(75)), result: result(.success),
            stop: StopLadder(.hang("x"), now: .zero), ending: .init(.success)),
        Row(title: "a final failure", exit: .init(.exited(65)), result: result(.dataError), ending: .init(.dataError)),
        Row(title: "0 without a result", exit: .init(.exited(0)), ending: .init(.crash)),
        Row(title: "75", exit: .init(.exited(75)), ending: .init(.checkpointed)),
        Row(
            title: "73 is nobody's fault", exit: .init(.exited(73)),
            ending: .init(.launchError, countsAs: .interruption)),
        Row(title: "77 is", exit: .init(.exited(77)), ending: .init(.launchError)),
        Row(title: "unknown code", exit: .init(.exited(42)), ending: .init(.crash)),
        Row(title: "a signal", exit: .init(.signalled(SIGSEGV)), ending: .init(.crash)),
        Row(title: "out of memory", exit: .init(.signalled(SIGKILL), outOfMemoryKills: 1), ending: .init(.oom)),
        Row(title: "killed by somebody", exit: .init(.signalled(SIGKILL)), ending: .init(.crash)),
        Row(title: "killed by us", exit: .init(.signalled(SIGKILL)), stop: killed(.shutdown), ending: .init(.killed)),
        Row(
            title: "told to stop while it started", exit: .init(.signalled(SIGTERM)),
            stop: StopLadder(.shutdown, now: .zero), ending: .init(.killed)),
        Row(title: "told to stop by somebody", exit: .init(.signalled(SIGTERM)), ending: .init(.crash)),
        Row(title: "hang", exit: .init(.signalled(SIGKILL)), stop: killed(.hang("x")), ending: .init(.hang)),
        Row(
            title: "a hang that still could stop", exit: .init(.exited(75)), stop: killed(.hang("x")),
            ending: .init(.hang)),
        Row(
            title: "time limit", exit: .init(.exited(75)), stop: StopLadder(.timeLimit, now: .zero),
            ending: .init(.timeout)),
        Row(title: "no launch", exit: .init(.notLaunched("x")), ending: .init(.launchError)),
        Row(title: "no files for it", exit: .init(.notPrepared("x")), ending: .init(.ioError)),
    ]

    @Test(arguments: rows) func verdicts(_ row: Row) {
        #expect(AttemptVerdict(row.exit, result: row.result, stop: row.stop).ending == row.ending)
    }

    @Test func everyKnownExitCodeIsTaken() {
        for code in WorkerExitCode.allCases where code != .success {
            let verdict = AttemptVerdict(WorkerExit(.exited(code.rawValue)), result: nil, stop: nil)
            #expect(verdict.ending == code.ending)
            #expect(!verdict.detail.isEmpty)
        }
    }

    @Test func laddersGetHarder() {
        var ladder = StopLadder(.hang("x"), now: .seconds(10))
        #expect(ladder.due(now: .seconds(10)).last == .terminate)
        #expect(ladder.due(now: .seconds(69)) == [])
        #expect(ladder.deadline == .seconds(70))
        #expect(ladder.due(now: .seconds(70)) == [.writeStack])
        #expect(!ladder.hasKilled)
        #expect(ladder.due(now: .seconds(200)) == [.kill])
        #expect(ladder.hasKilled)
        #expect(ladder.deadline == nil)
    }

    @Test func aBeatIsNoProgress() {
        var watch = ProgressWatch(now: .zero)
        watch.note(.phase(.train), now: .zero)
        for second in stride(from: Int64(5), through: 300, by: 5) {
            watch.note(.beat(BeatEvent(monoMs: 0, step: 0, phase: .train)), now: .seconds(second))
        }
        #expect(watch.verdict(now: .seconds(300)) == .working)
        #expect(watch.verdict(now: .seconds(301)) == .hanging(since: .seconds(301), phase: .train))
    }

    @Test func slowStepsGetTheirTime() {
        var watch = ProgressWatch(now: .zero)
        watch.note(.phase(.train), now: .zero)
        for step in 1...10 {
            watch.note(.progress(ProgressEvent(step: Int64(step), total: 99)), now: .seconds(60 * step))
        }
        #expect(watch.limit == .seconds(600))
        #expect(watch.verdict(now: .seconds(1200)) == .stalled)
        #expect(watch.verdict(now: .seconds(1201)) == .hanging(since: .seconds(601), phase: .train))
    }

    @Test func silenceIsNotedLongBeforeAHang() {
        let watch = ProgressWatch(now: .zero)
        #expect(watch.deadline == .seconds(60))
        #expect(watch.verdict(now: .seconds(60)) == .working)
        #expect(watch.verdict(now: .seconds(61)) == .stalled)
        #expect(watch.verdict(now: .seconds(15 * 60 + 1)) == .hanging(since: .seconds(15 * 60 + 1), phase: .load))
    }
}

@Suite("Logs of attempts")
struct LogCapTests {
    @Test func aLongLogKeepsItsLastPiece() throws {
        let place = try TestFolder()
        let path = "\(place.path)/attempt.log"
        let line = String(repeating: "x", count: 1023) + "\n"
        try place.write(String(repeating: line, count: 3000) + "the end\n", to: "attempt.log")
        #expect(try !LogCap.enforce(path, limit: 4 << 20))
        #expect(try LogCap.enforce(path, limit: 2 << 20))
        try place.write("more\n", to: "attempt.log", appending: true)
        #expect(try place.read("attempt.log") == "more\n")
        let tail = try place.read("attempt.log.tail")
        #expect(tail.utf8.count == LogCap.kept)
        #expect(tail.hasSuffix("the end\n"))
    }
}
