package import Glibc

/// Replaces a file as one act: temporary name beside it, write, fsync, rename, fsync of the directory.
///
/// After a crash at any point the path holds the old content or the new one, never a mixture. The temporary name
/// starts with a dot and carries the process number, so that two writers never share it.
package func durableWrite(_ bytes: [UInt8], to path: String, mode: mode_t = 0o640) throws {
    try durableWrite(to: path, mode: mode) { try $0.write(bytes) }
}

/// As `durableWrite` of bytes, for content that is written piece by piece.
package func durableWrite(
    to path: String, mode: mode_t = 0o640, _ body: (inout HashingFile) throws -> Void
) throws {
    let temporary = temporaryName(beside: path)
    try removeTree(temporary)
    do {
        var file = try HashingFile(creating: temporary, mode: mode)
        try body(&file)
        _ = try file.finish(name: lastComponent(path))
        try durableRename(temporary, to: path)
    } catch {
        unlink(temporary)
        throw error
    }
}

/// As `durableWrite` of bytes, for a text in UTF-8.
package func durableWrite(_ text: String, to path: String, mode: mode_t = 0o640) throws {
    try durableWrite(Array(text.utf8), to: path, mode: mode)
}

/// Creates a file as one act, and never replaces one: `EEXIST` when the name is taken. For what is written once.
package func durableCreate(_ bytes: [UInt8], at path: String, mode: mode_t = 0o640) throws {
    let temporary = temporaryName(beside: path)
    try removeTree(temporary)
    defer { unlink(temporary) }
    var file = try HashingFile(creating: temporary, mode: mode)
    try file.write(bytes)
    _ = try file.finish(name: lastComponent(path))
    guard link(temporary, path) == 0 else { throw FileError.last("link", path) }
    try syncDirectory(parentDirectory(path))
}

/// Replaces a file as one act for readers, without forcing it to the disk: for displays such as a status file,
/// which a crash of the machine may take back.
package func replaceForReaders(_ bytes: [UInt8], at path: String, mode: mode_t = 0o640) throws {
    let temporary = temporaryName(beside: path)
    do {
        try OpenFile(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: mode).write(bytes)
        guard rename(temporary, path) == 0 else { throw FileError.last("rename", temporary) }
    } catch {
        unlink(temporary)
        throw error
    }
}

private func temporaryName(beside path: String) -> String {
    parentDirectory(path) + "/." + lastComponent(path) + ".tmp-\(getpid())"
}

extension OpenFile {
    fileprivate func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }
}
