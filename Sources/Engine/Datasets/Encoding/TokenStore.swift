/// Token ids in a scratch file: 4 bytes each, and none of them in memory.
final class TokenStore {
    private let file: ScratchFile

    init(in directory: String) throws { file = try ScratchFile(in: directory) }

    /// Keeps the ids; returns the place of the first.
    func append(_ ids: [Int32]) throws -> Int {
        let place = file.size / MemoryLayout<Int32>.stride
        try ids.withUnsafeBytes { try file.append($0) }
        return place
    }

    /// The ids at some places.
    func ids(_ range: Range<Int>) throws -> [Int32] {
        let size = MemoryLayout<Int32>.stride
        return try [Int32](unsafeUninitializedCapacity: range.count) { buffer, count in
            let target = UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[..<range.count]))
            try file.read(into: target, at: range.lowerBound * size)
            count = range.count
        }
    }
}
