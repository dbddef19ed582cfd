#if canImport(Glibc)
    internal import Glibc
#else
    internal import Musl
#endif
internal import DurableFiles

/// A folder for one test, removed with this object.
package final class TestFolder {
    package let path: String

    package init() throws {
        var template = Array("/tmp/hone-test-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw FileError.last("mkdtemp", "/tmp") }
        path = String(cString: made)
    }

    deinit { try? removeTree(path) }

    /// Writes a small file.
    package func write(_ text: String, to name: String) throws {
        try durableWrite(text, to: path + "/" + name)
    }
}
