internal import CLinux
import Glibc

/// A directory that appears complete or not at all: files are written, hashed and forced to the disk under a
/// temporary name, then the whole is renamed. A directory that is there already is replaced only when asked.
package struct DurableDirectory: ~Copyable {
    /// Where the files lie until `publish()`.
    package let temporaryPath: String
    package let finalPath: String
    /// The files finished so far, in the order of writing.
    package private(set) var files: [WrittenFile] = []

    /// Makes `parent/temporaryName`, after removing what an earlier attempt may have left under that name.
    package init(in parent: String, name: String, temporaryName: String) throws {
        temporaryPath = parent + "/" + temporaryName
        finalPath = parent + "/" + name
        try removeTree(temporaryPath)
        try makeDirectory(temporaryPath)
    }

    /// Writes one file; `body` fills it. The digest is computed on the way.
    package mutating func add(_ name: String, _ body: (inout HashingFile) throws -> Void) throws {
        var file = try HashingFile(creating: temporaryPath + "/" + name)
        try body(&file)
        files.append(try file.finish(name: name))
    }

    package mutating func add(_ name: String, _ text: String) throws { try add(name) { try $0.write(text) } }

    /// Copies a file from elsewhere.
    package mutating func add(_ name: String, copying path: String) throws {
        let source = try OpenFile(path, O_RDONLY)
        try add(name) { file in try source.readAll { try file.write($0) } }
    }

    /// Adds a directory inside this one; `body` fills it. Its files are listed as `name/file`.
    package mutating func addDirectory(_ name: String, _ body: (inout DurableDirectory) throws -> Void) throws {
        var inner = try DurableDirectory(in: temporaryPath, name: name, temporaryName: ".tmp-" + name)
        try body(&inner)
        try inner.publish()
        files += inner.files.map { WrittenFile(name: name + "/" + $0.name, bytes: $0.bytes, sha256: $0.sha256) }
    }

    /// Forces the temporary directory to the disk, renames it and forces the parent.
    ///
    /// Throws with `EEXIST` when the final name is taken (an empty directory there counts as nothing: the kernel
    /// replaces it in the same act). The owner may call `discard()` after any error.
    /// - Parameter replacing: takes the place of a directory of the final name in one act: at every moment one of the
    ///   two is there, whole. The earlier one is then removed.
    package func publish(replacing: Bool = false) throws {
        try syncDirectory(temporaryPath)
        if rename(temporaryPath, finalPath) != 0 {
            let isTaken = errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR
            guard isTaken else { throw FileError.last("rename", temporaryPath) }
            guard replacing else { throw FileError(path: finalPath, operation: "rename", code: EEXIST) }
            return try takePlace()
        }
        try syncDirectory(parentDirectory(finalPath))
    }

    private func takePlace() throws {
        guard hone_rename_exchange(AT_FDCWD, temporaryPath, AT_FDCWD, finalPath) == 0 else {
            throw FileError.last("exchange", temporaryPath)
        }
        FailPoint.reach("directory.after_exchange")
        try syncDirectory(parentDirectory(finalPath))
        // What stays of the earlier one lies under the temporary name, which the next owner clears.
        try? removeTree(temporaryPath)
    }

    /// Removes the temporary directory; nothing was published.
    package func discard() throws { try removeTree(temporaryPath) }
}
