import Glibc
import Logging
import Testing

@testable import Systemd

@Suite("Log lines")
struct LogTests {
    private func line(
        _ message: String, level: Logger.Level = .notice, base: Logger.Metadata = [:], _ metadata: Logger.Metadata = [:]
    ) -> LogLine {
        let event = LogEvent(
            level: level, message: "\(message)", metadata: metadata, source: nil, file: "Hone/X.swift", function: "f()",
            line: 7)
        return LogLine(event, base: base, provider: nil)
    }

    @Test func journalFieldsAreAnAllowList() {
        let entries = JournalLogHandler.entries(
            line("job 4 accepted", base: ["job": "4"], ["name": "a b", "event": "job accepted", "_UID": "0"]),
            identifier: "honed")
        #expect(
            entries == [
                "MESSAGE=job 4 accepted _UID=0", "PRIORITY=5", "SYSLOG_IDENTIFIER=honed",
                "MESSAGE_ID=f57f4b9dc55a4027bce6de45ec782011", "HONE_EVENT=job accepted", "HONE_JOB_ID=4", "HONE_JOB_NAME=a b",
            ])
    }

    @Test func errorsNameTheirPlaceInTheCode() {
        let entries = JournalLogHandler.entries(line("broken", level: .error), identifier: "honed")
        #expect(entries.suffix(3) == ["CODE_FILE=Hone/X.swift", "CODE_LINE=7", "CODE_FUNC=f()"])
    }

    @Test func aNewlineCannotForgeALine() {
        let text = StreamLogHandler.prefixed(line("a\n<3>b", ["name": "x\n_UID=0", "reason": "say \"no\""]))
        #expect(text == #"<5>a\n<3>b name="x\n_UID=0" reason="say \"no\"""#)
    }

    @Test func terminalLinesReadAsProse() {
        let text = StreamLogHandler.forTerminal(
            line("started \u{1B}[2J", level: .info, ["event": "attempt started", "job": "3"]), clock: "12:00:00",
            colours: false)
        #expect(text == "12:00:00 info    started \\u{1b}[2J  job=3")
    }

    @Test func everyEventHasItsOwnIdentifier() {
        let identifiers = JournalEvent.allCases.map(\.messageID)
        #expect(Set(identifiers).count == identifiers.count)
        for identifier in identifiers {
            #expect(identifier.count == 32)
            #expect(identifier.allSatisfy { $0.isHexDigit && !$0.isUppercase })
        }
    }

    @Test func journalIsChosenOnlyForItsOwnStream() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { ends.forEach { _ = close($0) } }
        var status = stat()
        fstat(ends[1], &status)
        let stream = "\(status.st_dev):\(status.st_ino)"
        #expect(LogDestination.detect(environment: ["JOURNAL_STREAM": stream], descriptor: ends[1]) == .journal)
        #expect(LogDestination.detect(environment: ["JOURNAL_STREAM": "1:2"], descriptor: ends[1]) == .plain)
        #expect(LogDestination.detect(environment: [:], descriptor: ends[1]) == .plain)
    }

    @Test func aHandlerWritesWholeLines() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { ends.forEach { _ = close($0) } }
        let descriptor = ends[1]
        var logger = Logger(label: "test") { _ in
            StreamLogHandler(style: .prefixed, level: .info, descriptor: descriptor)
        }
        logger = logger.with([.jobID: "9"])
        logger.debug("unseen")
        logger.event(.jobFailed, level: .error, "job 9 failed", [.failureClass: "crash"])
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(ends[0], &buffer, buffer.count)
        #expect(
            String(decoding: buffer[..<max(0, count)], as: UTF8.self)
                == "<3>job 9 failed event=\"job failed\" job=9 class=crash\n")
    }
}
