import Testing

@testable import JobModel

@Suite struct NearestNameTests {
    @Test func nearestNames() {
        #expect(NearestName.distance("keep_lats", "keep_last") == 1)
        #expect(NearestName.of("methd", among: ["method", "model"]) == "method")
        #expect(NearestName.of("zzz", among: ["method", "model"]) == nil)
    }
}
