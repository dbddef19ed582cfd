import DurableFiles
import Glibc
import TestFolders

/// What tests do in their folders.
extension TestFolder {
    func make(_ name: String) throws { try makeDirectory("\(path)/\(name)") }

    /// Writes as an editor would: in place, without any care.
    func write(_ text: String, to name: String, appending: Bool = false) throws {
        let flags = O_WRONLY | O_CREAT | (appending ? O_APPEND : O_TRUNC)
        let file = try OpenFile("\(path)/\(name)", flags, mode: 0o644)
        try Array(text.utf8).withUnsafeBytes { try file.write($0) }
    }

    func read(_ name: String) throws -> String { String(decoding: try readFile("\(path)/\(name)"), as: UTF8.self) }

    func exists(_ name: String) -> Bool { fileKind("\(path)/\(name)") != .missing }

    func names(_ name: String) throws -> [String] { try directoryNames("\(path)/\(name)") }

    func rename(_ old: String, to new: String) throws {
        guard Glibc.rename("\(path)/\(old)", "\(path)/\(new)") == 0 else { throw FileError.last("rename", old) }
    }

    func script(_ name: String, _ lines: String) throws -> String {
        try write("#!/bin/sh\n\(lines)\n", to: name)
        chmod("\(path)/\(name)", 0o755)
        return "\(path)/\(name)"
    }
}
