import DurableFiles
import Glibc

/// One safetensors file, its header checked and its data in memory for as long as this object or a tensor of it lives.
///
/// The data is mapped read-only and shared, so workers with one base model share its pages. A mapped file that somebody
/// truncates kills the process that reads it; therefore a file that others can write is copied into memory instead.
package final class SafetensorsFile: @unchecked Sendable {
    // @unchecked: all state is immutable after init, and the memory behind it is only read.

    package let path: String
    package let metadata: [String: String]
    /// In the order of their bytes.
    package let tensors: [TensorInfo]
    /// True when the data is a private copy, because others may write the file.
    package let isCopied: Bool

    private let places: [String: Int]
    private let memory: UnsafeMutableRawBufferPointer
    private let dataOffset: Int

    /// Opens, checks and maps a file.
    ///
    /// Throws `SafetensorsError` for a file that is not what it should be, `FileError` when it cannot be read.
    package init(_ path: String) throws {
        let file = try OpenFile(path, O_RDONLY)
        let status = try file.status()
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw SafetensorsError(file: path, found: "no regular file", expected: "a safetensors file")
        }
        let size = Int(status.st_size)
        let headerSize = try Self.headerSize(of: file, size: size)
        isCopied = !(status.st_uid == 0 || status.st_uid == geteuid()) || status.st_mode & (S_IWGRP | S_IWOTH) != 0
        memory = try isCopied ? Self.copy(file, size: size) : Self.map(file, size: size)
        dataOffset = 8 + headerSize
        self.path = path
        do {
            let text = UnsafeRawBufferPointer(rebasing: memory[8..<dataOffset])
            let header = try Header(text, dataSize: size - dataOffset, file: path)
            tensors = header.tensors
            metadata = header.metadata
            places = Dictionary(uniqueKeysWithValues: header.tensors.enumerated().map { ($1.name, $0) })
        } catch {
            Self.release(memory, isCopied: isCopied)
            throw error
        }
    }

    deinit { Self.release(memory, isCopied: isCopied) }

    /// The tensor of that name, or nil.
    package func tensor(_ name: String) -> TensorView? {
        places[name].map { view(tensors[$0]) }
    }

    private func view(_ info: TensorInfo) -> TensorView {
        let range = (dataOffset + info.bytes.lowerBound)..<(dataOffset + info.bytes.upperBound)
        return TensorView(info: info, file: self, bytes: UnsafeRawBufferPointer(rebasing: memory[range]))
    }

    /// The length prefix, believed only when the header fits in the file and under the limit.
    private static func headerSize(of file: borrowing OpenFile, size: Int) throws -> Int {
        let path = file.path
        guard size >= 10 else {
            throw SafetensorsError(
                file: path, found: "\(size) bytes", expected: "at least 10 (length, header, data)",
                advice: "the file is empty or truncated; copy it again")
        }
        var start = [UInt8](repeating: 0, count: 10)
        let count = pread(file.descriptor, &start, start.count, 0)
        guard count == start.count else { throw FileError.last("read", path) }
        try refuseForeignFormats(start, path: path)
        let length = start[..<8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let limit = UInt64(min(Header.sizeLimit, size - 8))
        guard length >= 2, length <= limit else {
            throw SafetensorsError(
                file: path, found: "a header of \(length) bytes", expected: "2 to \(limit)",
                advice: "this is not a safetensors file, or it is truncated")
        }
        guard start[8] == UInt8(ascii: "{") else {
            throw SafetensorsError(file: path, found: "a header that does not begin with {", expected: "a JSON object")
        }
        return Int(length)
    }

    private static func map(_ file: borrowing OpenFile, size: Int) throws -> UnsafeMutableRawBufferPointer {
        let address = mmap(nil, size, PROT_READ, MAP_SHARED, file.descriptor, 0)
        guard let address, address != MAP_FAILED else { throw FileError.last("mmap", file.path) }
        return UnsafeMutableRawBufferPointer(start: address, count: size)
    }

    private static func copy(_ file: borrowing OpenFile, size: Int) throws -> UnsafeMutableRawBufferPointer {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
        var filled = 0
        do {
            while filled < size {
                let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: memory[filled...]))
                guard count > 0 else {
                    throw SafetensorsError(
                        file: file.path, found: "\(filled) bytes", expected: "\(size)",
                        advice: "the file was truncated while it was read")
                }
                filled += count
            }
        } catch {
            memory.deallocate()
            throw error
        }
        return memory
    }

    private static func release(_ memory: UnsafeMutableRawBufferPointer, isCopied: Bool) {
        if isCopied {
            memory.deallocate()
        } else {
            munmap(memory.baseAddress, memory.count)
        }
    }
}
