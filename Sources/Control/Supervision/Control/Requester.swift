import Glibc

/// Somebody at the other end of the socket, as the kernel names them.
package struct Requester: Sendable, Hashable {
    /// User number.
    package let uid: UInt32
    /// Login name; nil for a number without one.
    package let name: String?
    /// Names of the groups of that user.
    package let groups: Set<String>

    /// A requester; tests make their own.
    package init(uid: UInt32, name: String?, groups: Set<String>) {
        self.uid = uid
        self.name = name
        self.groups = groups
    }

    /// Looks up a user.
    ///
    /// - Parameter gid: the group of the user's process; nil: the one the user logs in with.
    package static func lookUp(uid: UInt32, gid: UInt32? = nil) -> Requester {
        let account = Accounts.user(uid)
        let first = gid ?? account?.gid
        let all = account.flatMap { Accounts.groups(of: $0.name, and: first ?? $0.gid) }
        let groups = (all ?? [first].compactMap { $0 }).compactMap(Accounts.groupName)
        return Requester(uid: uid, name: account?.name, groups: Set(groups))
    }

    /// Who is written into the events.
    package var actor: String { name ?? "user \(uid)" }

    /// Whether everything may be asked: root, the user of the daemon, and the groups that `admin_groups` names.
    package func isAdministrator(_ configuration: Configuration) -> Bool {
        uid == 0 || uid == geteuid() || !groups.isDisjoint(with: configuration.adminGroups)
    }

    /// Whether this one may change a job of that owner.
    package func mayChange(jobOf owner: Int64, _ configuration: Configuration) -> Bool {
        if isAdministrator(configuration) { return true }
        return Int64(uid) == owner && configuration.allows(uid: uid, name: name, groups: groups)
    }
}

/// Why a request was not done.
package enum ControlError: Error, Sendable, Hashable, CustomStringConvertible {
    /// There is no such job.
    case noSuchJob(String)
    /// The request itself is not right.
    case invalid(String)
    /// Not for this user.
    case forbidden(String)
    /// Not in this state.
    case refused(String)

    package var description: String {
        switch self {
        case .noSuchJob(let job): "there is no job \(job)"
        case .invalid(let why), .forbidden(let why), .refused(let why): why
        }
    }
}
