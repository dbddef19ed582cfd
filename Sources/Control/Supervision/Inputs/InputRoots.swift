import CLinux
import DurableFiles
import Glibc
package import JobModel

/// The directories below which inputs are looked up. A specification names things relative to them and can reach
/// nothing else: no absolute path, no "..", no link on the way.
package struct InputRoots: Sendable, Hashable {
    /// For models, adapters, tokenizers and compressors, in order of preference.
    package var models: [String]
    /// For rows.
    package var datasets: [String]

    /// Roots of both kinds.
    package init(models: [String], datasets: [String]) {
        self.models = models
        self.datasets = datasets
    }

    /// An input that was found.
    package struct Located: Sendable, Hashable {
        /// Absolute path of the file or directory.
        package let path: String
        /// Identity of the file, or of every plain file directly in the directory, by name.
        package let pins: [InputPin]
    }

    /// Why an input was not found.
    package struct Refusal: Error, Sendable, Hashable, CustomStringConvertible {
        /// Key of the specification.
        package let key: String
        /// What was found and expected.
        package let message: String

        package var description: String { "\(key): \(message)" }
    }

    /// Finds `name` for `role` and takes the identity of all its files.
    package func locate(_ name: String, for role: InputRole) throws(Refusal) -> Located {
        let roots = role.isRows ? datasets : models
        for root in roots {
            guard let found = try open(name, below: root, role) else { continue }
            defer { close(found) }
            return Located(path: "\(root)/\(name)", pins: try pins(found, "\(root)/\(name)", role))
        }
        throw Refusal(
            key: role.rawValue, message: "nothing named \(name) under \(roots.joined(separator: ", "))")
    }

    /// The descriptor of `name` below `root`; nil where there is no such thing.
    private func open(_ name: String, below root: String, _ role: InputRole) throws(Refusal) -> Int32? {
        func refusal(_ message: String) -> Refusal { Refusal(key: role.rawValue, message: message) }
        guard !name.hasPrefix("/"), !name.split(separator: "/").contains("..") else {
            throw refusal("expected a name below \(root), found \(name)")
        }
        let directory = Glibc.open(root, HONE_O_PATH | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return nil }
        defer { close(directory) }
        let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY
        var found = hone_open_beneath(directory, name, UInt64(flags), 0, false)
        if found < 0 && (hone_errno() == ENOSYS || hone_errno() == EPERM) { found = walk(directory, name, flags) }
        if found >= 0 { return found }
        switch hone_errno() {
        case ENOENT, ENOTDIR: return nil
        case ELOOP:
            throw refusal("\(root)/\(name) goes through a symbolic link; put the directory it leads to among the roots")
        case let code: throw refusal("\(root)/\(name): \(String(cString: strerror(code)))")
        }
    }

    /// The same by hand, for kernels and filters without openat2: one component at a time, never through a link.
    private func walk(_ root: Int32, _ name: String, _ flags: Int32) -> Int32 {
        let parts = name.split(separator: "/").filter { $0 != "." }.map(String.init)
        var current = dup(root)
        for (index, part) in parts.enumerated() {
            let step = index == parts.count - 1 ? flags : HONE_O_PATH | O_DIRECTORY
            let next = hone_openat(current, part, step | O_NOFOLLOW | O_CLOEXEC, 0)
            let code = hone_errno()
            close(current)
            guard next >= 0 else {
                errno = code
                return -1
            }
            current = next
        }
        return current
    }

    private func pins(_ found: Int32, _ path: String, _ role: InputRole) throws(Refusal) -> [InputPin] {
        var status = hone_file_status()
        guard hone_fstat(found, &status) == 0 else { return [] }
        let identity = FileIdentity(status)
        if identity.isRegular { return [InputPin(role, path, identity)] }
        guard identity.isDirectory, let names = try? directoryNames("/proc/self/fd/\(found)") else {
            throw Refusal(key: role.rawValue, message: "\(path): expected a file or directory, found \(identity.kind)")
        }
        do {
            return try names.filter { !$0.hasPrefix(".") }.compactMap { name in
                try DropDirectory.identity(in: found, DropName(name)).flatMap {
                    $0.isRegular ? InputPin(role, "\(path)/\(name)", $0) : nil
                }
            }
        } catch {
            throw Refusal(key: role.rawValue, message: "\(path): \(error)")
        }
    }
}

extension InputPin {
    fileprivate init(_ role: InputRole, _ path: String, _ identity: FileIdentity) {
        self.init(
            role: role, path: path, device: identity.device, inode: identity.inode, size: identity.size,
            modifiedNanoseconds: identity.modifiedNanoseconds)
    }
}
