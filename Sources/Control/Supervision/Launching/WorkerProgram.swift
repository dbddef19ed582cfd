import DurableFiles
import Glibc

/// Where the worker program lies.
package enum WorkerProgram {
    /// The program to start: `given` if it is, else `hone-worker` beside the running program or in `../libexec/hone`.
    package static func find(_ given: String?) throws -> String {
        let candidates = given.map { [$0] } ?? usualPlaces()
        guard let found = candidates.first(where: { access($0, X_OK) == 0 }) else {
            throw FileError(
                path: candidates.joined(separator: ", "), operation: "find the worker program", code: 0,
                detail: "no such program; name it with honed --worker, or in HONE_WORKER for hone")
        }
        return absolute(found)
    }

    private static func usualPlaces() -> [String] {
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = readlink("/proc/self/exe", &buffer, buffer.count)
        guard length > 0 else { return ["/usr/libexec/hone/hone-worker"] }
        let program = String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let directory = parentDirectory(program)
        return ["\(directory)/hone-worker", "\(parentDirectory(directory))/libexec/hone/hone-worker"]
    }

    private static func absolute(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }
}
