import JobModel
import Testing

@Suite struct QuantityTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2026-11-28T01:02:03Z", 1_795_827_723_000),
        ("2024-02-29T23:59:59.5Z", 1_709_251_199_500),
        ("2000-03-01T00:00:00+02:00", 951_861_600_000), ("1969-12-31T23:59:59.999Z", -1),
    ])
    func momentsAreRead(_ text: String, _ milliseconds: Int64) {
        let moment = Timestamp(rfc3339: text)
        #expect(moment?.milliseconds == milliseconds)
        #expect(moment.flatMap { Timestamp(rfc3339: $0.description) } == moment)
    }

    @Test(arguments: [
        "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01", "2026-01-01T00:00:00",
        "now",
    ])
    func otherTextsAreNoMoments(_ text: String) { #expect(Timestamp(rfc3339: text) == nil) }

    @Test func daysOfEightCenturiesComeBack() {
        for day in stride(from: Int64(-150_000), to: 150_000, by: 31) {
            let moment = Timestamp(milliseconds: day * 86_400_000)
            if Timestamp(rfc3339: moment.description) != moment { Issue.record("\(moment)") }
        }
    }

    @Test(arguments: [("36h", 129_600), ("10min", 600), ("1h30min", 5400), ("3d", 259_200), ("60s", 60)])
    func durationsAreRead(_ text: String, _ seconds: Int64) {
        #expect(Milliseconds(text) == Milliseconds(seconds: seconds))
        #expect(Milliseconds(text).flatMap { Milliseconds($0.description) } == Milliseconds(text))
    }

    @Test(arguments: ["", "h", "10", "10m", "-1s", "1s1h", "1.5h", "1h1h", "99999999999999999999s", "9999999999999d"])
    func otherTextsAreNoDurations(_ text: String) { #expect(Milliseconds(text) == nil) }

    @Test(arguments: [("12GiB", 12 << 30), ("1.5KiB", 1536), ("500MB", 500_000_000), ("7B", 7)])
    func sizesAreRead(_ text: String, _ bytes: Int64) { #expect(ByteSize(text)?.bytes == bytes) }

    @Test(arguments: ["", "12", "GiB", "-1GiB", "12 GiB", "1e3MB", "9999999999TiB", "12gib"])
    func otherTextsAreNoSizes(_ text: String) { #expect(ByteSize(text) == nil) }
}
