import DurableFiles
import Glibc

/// A directory of its own for one test, removed afterwards.
final class Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/hone-training-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw FileError.last("mkdtemp", "/tmp") }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    deinit { try? removeTree(path) }
}
