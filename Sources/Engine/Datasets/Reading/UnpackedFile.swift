import DurableFiles
import Glibc

/// Unpacks a compressed dataset once into a scratch file: rows are read in any order, which packed bytes do not allow.
struct UnpackedFile {
    /// Most bytes that one packed byte may give; more is a bomb or a mistake. Text packs 3 to 10 times smaller, and
    /// very repetitive text 100 times.
    static let largestRatio = 250
    /// Output up to here is accepted at any ratio.
    static let freeSize = 64 << 20

    private static let pieceSize = 256 << 10

    private let path: String
    private let compression: Compression

    init(_ path: String, _ compression: Compression) {
        self.path = path
        self.compression = compression
    }

    /// The text of the file.
    /// - Throws: `DatasetError` saying how far the file could be read, `FileError` where there is no room for the text.
    func unpack(_ file: borrowing OpenFile, into scratch: ScratchFile) throws {
        var decompressor: any Decompressor =
            switch compression {
            case .gzip: GzipDecompressor()
            case .zstandard: ZstandardDecompressor()
            }
        var lines = 0
        var consumed = 0
        do {
            try withUnsafeTemporaryAllocation(byteCount: Self.pieceSize, alignment: 64) { buffer in
                while true {
                    let count = try file.read(into: buffer)
                    if count == 0 { break }
                    consumed += count
                    let limit = max(Self.freeSize, consumed * Self.largestRatio)
                    try decompressor.unpack(UnsafeRawBufferPointer(rebasing: buffer[..<count])) { text in
                        guard scratch.size + text.count <= limit else { throw Self.bomb(consumed, scratch.size) }
                        try scratch.append(text)
                        for byte in text where byte == .newline { lines += 1 }
                    }
                }
            }
            guard decompressor.isComplete else {
                throw PackedDataProblem(
                    found: consumed == 0 ? "an empty file" : "packed data that breaks off",
                    advice: "copy or download the file again")
            }
        } catch let problem as PackedDataProblem {
            throw DatasetError(
                file: path, line: lines + 1, found: "\(problem.found) after \(scratch.size) bytes of text",
                expected: "a whole .\(compression.rawValue) file", advice: problem.advice)
        }
    }

    private static func bomb(_ consumed: Int, _ size: Int) -> PackedDataProblem {
        PackedDataProblem(
            found: "packed data that unpacks to more than \(largestRatio) times its \(consumed) bytes so far",
            advice: "if it really is text, decompress it and use the result")
    }
}
