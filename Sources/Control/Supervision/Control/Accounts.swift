import Glibc

/// Users and groups of this machine. Only the calls that write into the caller's memory: the others answer all threads
/// in one place, and somebody would get the rights of somebody else.
enum Accounts {
    /// A user with a login name.
    struct User: Sendable, Hashable {
        let name: String
        /// The group the user logs in with.
        let gid: gid_t
    }

    /// The user of a number; nil for a number without one.
    static func user(_ uid: uid_t) -> User? {
        entry { buffer, size in
            var record = passwd()
            var found: UnsafeMutablePointer<passwd>?
            let code = getpwuid_r(uid, &record, buffer, size, &found)
            return (code, found == nil ? nil : User(name: String(cString: record.pw_name), gid: record.pw_gid))
        }
    }

    /// The name of a group; nil for a number without one.
    static func groupName(_ gid: gid_t) -> String? {
        entry { buffer, size in
            var record = group()
            var found: UnsafeMutablePointer<group>?
            let code = getgrgid_r(gid, &record, buffer, size, &found)
            return (code, found == nil ? nil : String(cString: record.gr_name))
        }
    }

    /// The groups of a user, `gid` among them; nil if there are more than can be.
    static func groups(of name: String, and gid: gid_t) -> [gid_t]? {
        // As many as the kernel allows a process.
        var numbers = [gid_t](repeating: 0, count: 1 << 16)
        var count = Int32(numbers.count)
        return getgrouplist(name, gid, &numbers, &count) >= 0 ? Array(numbers[..<Int(count)]) : nil
    }

    /// Largest entry that is read: a group lists all its members.
    private static let largestEntry = 1 << 24

    private static func entry<Value>(
        _ ask: (UnsafeMutablePointer<CChar>, Int) -> (code: Int32, value: Value?)
    ) -> Value? {
        var size = 1 << 12
        while size <= largestEntry {
            let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: size)
            defer { buffer.deallocate() }
            let (code, value) = ask(buffer, size)
            switch code {
            case ERANGE: size *= 4
            case EINTR: break
            default: return value
            }
        }
        return nil
    }
}
