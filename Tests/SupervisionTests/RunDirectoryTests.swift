import JobModel
import Testing

@Suite struct RunDirectoryTests {
    @Test(arguments: [1, 42, 999, 1000, 123_456] as [Int64])
    func theAttemptOfALogIsFoundAgain(_ attempt: Int64) {
        let log = RunDirectory("/runs/1-a").log(attempt: attempt)
        #expect(RunDirectory.attempt(logged: String(log.split(separator: "/").last ?? "")) == attempt)
    }

    @Test(arguments: ["attempt-x.log", "attempt-001.log.1", "worker-001.log", "attempt-.log", ""])
    func otherFilesAreNoLogs(_ name: String) { #expect(RunDirectory.attempt(logged: name) == nil) }

    @Test func momentsInNamesOfFilesSortAndHaveNoColons() {
        let moments = [1_800_000_000_000, 1_800_000_001_000, 1_900_000_000_000].map { Timestamp(milliseconds: $0) }
        #expect(moments.map(\.fileStamp) == moments.map(\.fileStamp).sorted())
        #expect(moments.first?.fileStamp == "2027-01-15T080000Z")
    }
}
