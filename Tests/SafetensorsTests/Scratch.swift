import DurableFiles
import Glibc

/// A directory of its own for one test, removed afterwards.
final class Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/hone-safetensors-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw FileError.last("mkdtemp", "/tmp") }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    deinit { try? removeTree(path) }

    /// A file that is a length prefix, a header and data, whatever they hold.
    func file(_ header: String, data: [UInt8] = [], length: UInt64? = nil, name: String = "t.safetensors") throws
        -> String
    {
        let length = length ?? UInt64(header.utf8.count)
        let bytes = withUnsafeBytes(of: length.littleEndian) { Array($0) } + Array(header.utf8) + data
        try durableWrite(bytes, to: path + "/" + name)
        return path + "/" + name
    }
}
