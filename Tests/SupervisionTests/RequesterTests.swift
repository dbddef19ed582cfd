import Glibc
import Testing

@testable import Supervision

@Suite("Who asks")
struct RequesterTests {
    /// Whoever asks at the same moment as somebody else keeps a name and groups of their own.
    @Test func usersThatAskAtOnceAreNotMixedUp() async throws {
        let users = (0..<20).map { Requester.lookUp(uid: $0) }
        #expect(users[0].name == "root" && users[0].groups.contains("root"))
        let mixed = await withTaskGroup(of: Int.self) { tasks in
            for start in 0..<8 {
                tasks.addTask {
                    (0..<400).count { turn in
                        let uid = UInt32((start * 7 + turn) % users.count)
                        return Requester.lookUp(uid: uid) != users[Int(uid)]
                    }
                }
            }
            return await tasks.reduce(0, +)
        }
        #expect(mixed == 0)
    }

    @Test func theGroupOfTheProcessCounts() throws {
        let first = try #require(Accounts.groupName(1))
        #expect(Requester.lookUp(uid: 0, gid: 1).groups.contains(first))
        let nobody = Requester.lookUp(uid: 3_999_999_999, gid: 0)
        #expect(nobody.name == nil && nobody.groups == ["root"] && nobody.actor == "user 3999999999")
        #expect(Requester.lookUp(uid: 3_999_999_999).groups.isEmpty)
    }
}
