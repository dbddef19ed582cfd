import CLinux
import Dispatch
import DurableFiles
import Glibc
import Synchronization

/// A hint from the kernel about the drop directory. Hints may be lost, doubled or misnamed; only a scan is the truth.
enum DropHint: Sendable, Hashable {
    /// A complete file arrived under this name by a rename.
    case arrived(DropName)
    /// Something happened to this name.
    case touched(DropName)
    /// Hints were lost, or the directory itself changed: scan.
    case rescan
}

/// Watches one directory through inotify and keeps the hints until they are fetched.
final class Inotify: Sendable {
    private let descriptor: Int32
    // Only activated in init and cancelled in deinit; Dispatch sources may be used from any thread.
    nonisolated(unsafe) private let source: any DispatchSourceRead
    private let hints: Mutex<Set<DropHint>>

    /// Watches the directory behind `directory`, which is open. `wake` is called, from any thread, when hints came.
    ///
    /// Throws where inotify is missing or used up; scanning alone is then the way.
    init(watching directory: DropDirectory, wake: @escaping @Sendable () -> Void) throws {
        descriptor = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        guard descriptor >= 0 else { throw FileError.last("inotify_init", directory.path) }
        let interesting =
            IN_MOVED_TO | IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF
        // Through /proc, so that the directory held open is watched, not what its path may name by now.
        let watch = inotify_add_watch(
            descriptor, "/proc/self/fd/\(directory.descriptor)", UInt32(interesting) | UInt32(IN_ONLYDIR))
        guard watch >= 0 else {
            let error = FileError.last("inotify_add_watch", directory.path)
            close(descriptor)
            throw error
        }
        hints = Mutex([])
        source = DispatchSource.makeReadSource(
            fileDescriptor: descriptor, queue: DispatchQueue(label: "hone.spool", qos: .utility))
        let descriptor = descriptor
        source.setEventHandler { [weak self] in
            guard let self else { return }
            self.read()
            wake()
        }
        source.setCancelHandler { close(descriptor) }
        source.activate()
    }

    deinit { source.cancel() }

    /// The hints since the last call.
    func drain() -> Set<DropHint> {
        read()
        return hints.withLock { hints in
            defer { hints = [] }
            return hints
        }
    }

    private func read() {
        hints.withLock { hints in
            var buffer = [UInt8](repeating: 0, count: 64 * 1024)
            while true {
                let count = Glibc.read(descriptor, &buffer, buffer.count)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return }
                hints.formUnion(Self.parse(buffer[..<count]))
            }
        }
    }

    /// The records of one read: a header of 16 bytes (watch, mask, cookie, length) and a name padded with zeros.
    static func parse(_ bytes: ArraySlice<UInt8>) -> [DropHint] {
        var found: [DropHint] = []
        var rest = bytes
        while rest.count >= 16 {
            let (mask, length) = rest.withUnsafeBytes { record in
                (
                    record.loadUnaligned(fromByteOffset: 4, as: UInt32.self),
                    Int(record.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
                )
            }
            guard rest.count >= 16 + length else {
                found.append(.rescan)
                break
            }
            let name = DropName(bytes: Array(rest.dropFirst(16).prefix(length).prefix { $0 != 0 }))
            rest = rest.dropFirst(16 + length)
            found.append(hint(mask, name))
        }
        return found
    }

    private static func hint(_ mask: UInt32, _ name: DropName) -> DropHint {
        let lost = IN_Q_OVERFLOW | IN_IGNORED | IN_MOVE_SELF | IN_DELETE_SELF | IN_UNMOUNT
        if mask & UInt32(lost) != 0 || name.bytes.isEmpty { return .rescan }
        return mask & UInt32(IN_MOVED_TO) != 0 ? .arrived(name) : .touched(name)
    }
}
