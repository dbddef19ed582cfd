/// `<id>-<name>`, as run directories are called.
package struct RunName: Sendable, Hashable {
    /// Job number.
    package let id: Int64
    /// Job name.
    package let name: String

    /// From the name of a directory; nil if it is none of a run.
    package init?(_ directory: String) {
        let parts = directory.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let id = Int64(parts[0]), id > 0, !parts[1].isEmpty else { return nil }
        self.id = id
        name = String(parts[1])
    }

    /// The name of the directory.
    package var directory: String { "\(id)-\(name)" }
}
