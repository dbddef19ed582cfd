internal import CLinux
package import Glibc

/// What lies at a path, without following a link in its last part.
package enum FileKind: Sendable { case missing, file, directory, other }

package func fileKind(_ path: String) -> FileKind {
    var status = stat()
    guard lstat(path, &status) == 0 else { return .missing }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return .file
    case S_IFDIR: return .directory
    default: return .other
    }
}

/// Size of a file in bytes.
package func fileSize(_ path: String) throws -> Int {
    var status = stat()
    guard stat(path, &status) == 0 else { throw FileError.last("stat", path) }
    return Int(status.st_size)
}

/// Names in a directory, sorted, without `.` and `..`.
package func directoryNames(_ path: String) throws -> [String] {
    guard let directory = opendir(path) else { throw FileError.last("opendir", path) }
    defer { closedir(directory) }
    var names: [String] = []
    while true {
        errno = 0
        guard let entry = readdir(directory) else {
            if errno != 0 { throw FileError.last("readdir", path) }
            return names.sorted()
        }
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != "." && name != ".." { names.append(name) }
    }
}

/// Makes a directory and its missing parents; one that is there already is fine.
package func makeDirectory(_ path: String, mode: mode_t = 0o750) throws {
    if mkdir(path, mode) == 0 || (errno == EEXIST && isDirectory(path)) { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
        throw FileError.last("mkdir", path)
    }
    try makeDirectory(String(path[..<slash]), mode: mode)
    guard mkdir(path, mode) == 0 || errno == EEXIST else { throw FileError.last("mkdir", path) }
}

private func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// Forces the entries of a directory (creations, renames, removals) to the disk.
package func syncDirectory(_ path: String) throws {
    try OpenFile(path, O_RDONLY | O_DIRECTORY).sync()
}

/// Forces the content of a file to the disk.
package func syncFile(_ path: String) throws {
    try OpenFile(path, O_RDONLY).sync()
}

/// Removes a file, or a directory with all it holds; links are removed, never followed. Nothing there is fine.
package func removeTree(_ path: String) throws {
    switch fileKind(path) {
    case .missing: return
    case .file, .other:
        guard unlink(path) == 0 || errno == ENOENT else { throw FileError.last("unlink", path) }
    case .directory:
        for name in try directoryNames(path) { try removeTree(path + "/" + name) }
        guard rmdir(path) == 0 || errno == ENOENT else { throw FileError.last("rmdir", path) }
    }
}

/// Renames within one directory and forces the change to the disk.
package func durableRename(_ old: String, to new: String) throws {
    guard rename(old, new) == 0 else { throw FileError.last("rename", old) }
    try syncDirectory(parentDirectory(new))
}

/// Renames where nothing has the new name yet; false where something has. It is not on the disk yet.
package func renameIfFree(_ old: String, to new: String) throws -> Bool {
    if hone_rename_noreplace(AT_FDCWD, old, AT_FDCWD, new) == 0 { return true }
    guard hone_errno() == EEXIST else { throw FileError.last("rename", old) }
    return false
}

/// The directory part of a path; `.` where there is none.
package func parentDirectory(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// The last part of a path.
package func lastComponent(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return path }
    return String(path[path.index(after: slash)...])
}
