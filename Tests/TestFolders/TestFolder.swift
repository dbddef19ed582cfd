#if canImport(Glibc)
    internal import Glibc
#else
    internal import Musl
#endif
internal import DurableFiles

/// A folder for one test, removed with this object.
package final class TestFolder: Sendable {
    /// Without a slash at its end.
    package let path: String

    /// Makes an empty folder that nothing else uses.
    package init() throws {
        var template = Array("/tmp/hone-test-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw FileError.last("mkdtemp", "/tmp") }
        path = String(cString: made)
    }

    deinit { try? removeTree(path) }

    /// Writes a file in place, over one that is there, and gives its path.
    @discardableResult
    package func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let file = try OpenFile(path + "/" + name, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
        try bytes.withUnsafeBytes { try file.write($0) }
        return file.path
    }

    /// As `write` of bytes, in UTF-8.
    @discardableResult
    package func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }
}
