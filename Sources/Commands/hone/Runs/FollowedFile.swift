import DurableFiles
import Glibc

/// A file that is printed, and watched for more.
struct FollowedFile {
    private let path: String
    private var offset = 0

    init(_ path: String) { self.path = path }

    /// Prints what came since the last call; starts over when the file got shorter.
    mutating func printNew() throws {
        let file = try OpenFile(path, O_RDONLY)
        if try Int(file.status().st_size) < offset { offset = 0 }
        lseek(file.descriptor, off_t(offset), SEEK_SET)
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0) }
            guard count > 0 else { return }
            offset += count
            Terminal.write(escaped(String(decoding: buffer[..<count], as: UTF8.self)), to: 1)
        }
    }

    /// A log may hold anything; a terminal must not obey it.
    private func escaped(_ text: String) -> String {
        String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 32 && $0 != "\n" && $0 != "\t" ? "?" : $0 }))
    }
}
