import CZstd

/// Zstandard (RFC 8878) with the system's libzstd: any number of frames. Frames whose window is above 128 MiB are
/// refused, as the library does by itself: that much memory is all that a file can ask for.
final class ZstandardDecompressor: Decompressor {
    private let stream: OpaquePointer
    private let output: UnsafeMutableRawBufferPointer
    private(set) var isComplete = false

    init() {
        guard let stream = ZSTD_createDStream() else { preconditionFailure("no memory for zstd") }
        self.stream = stream
        output = .allocate(byteCount: ZSTD_DStreamOutSize(), alignment: 64)
    }

    deinit {
        ZSTD_freeDStream(stream)
        output.deallocate()
    }

    func unpack(_ input: UnsafeRawBufferPointer, emit: (UnsafeRawBufferPointer) throws -> Void) throws {
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var isFlushed = false
        while source.pos < source.size || !isFlushed {
            var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
            let hint = ZSTD_decompressStream(stream, &target, &source)
            guard ZSTD_isError(hint) == 0 else { throw problem(hint) }
            // With no input at all the library asks for a new frame, which says nothing about the one before.
            if source.pos > 0 || target.pos > 0 { isComplete = hint == 0 }
            if target.pos > 0 { try emit(UnsafeRawBufferPointer(rebasing: output[..<target.pos])) }
            isFlushed = target.pos < target.size
        }
    }

    private func problem(_ code: Int) -> PackedDataProblem {
        let reason = String(cString: ZSTD_getErrorName(code))
        let isWindow = reason.contains("too much memory")
        return PackedDataProblem(
            found: isWindow ? "zstd data with a window above 128 MiB" : "damaged zstd data (\(reason))",
            advice: isWindow ? "pack it without --long and --ultra, or decompress it" : nil)
    }
}
