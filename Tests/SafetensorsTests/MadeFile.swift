import TestFolders

extension TestFolder {
    /// A file that is a length prefix, a header and data, whatever they hold.
    func file(_ header: String, data: [UInt8] = [], length: UInt64? = nil, name: String = "t.safetensors") throws
        -> String
    {
        let length = length ?? UInt64(header.utf8.count)
        return try write(name, withUnsafeBytes(of: length.littleEndian) { Array($0) } + Array(header.utf8) + data)
    }
}
