import ArgumentParser
import DurableFiles
import Foundation
import Glibc
import Supervision

/// The engine's program, which does all arithmetic.
enum WorkerProgram {
    /// $HONE_WORKER, else beside this program, else where an installation puts it.
    static func locate() throws -> String {
        let own =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        let directory = parentDirectory(own)
        var candidates = [
            "\(directory)/hone-worker", "\(directory)/../libexec/hone/hone-worker", "/usr/libexec/hone/hone-worker",
        ]
        if let named = ProcessInfo.processInfo.environment["HONE_WORKER"] { candidates.insert(named, at: 0) }
        for candidate in candidates where access(candidate, X_OK) == 0 { return candidate }
        Terminal.complain(
            "hone-worker is in none of \(candidates.joined(separator: ", ")); set HONE_WORKER to its path")
        throw ExitCode.configuration
    }

    /// Becomes the worker with these arguments. The kernels of OpenBLAS are chosen when it is loaded, hence by its
    /// environment before exec.
    static func become(_ arguments: [String]) throws -> Never {
        let program = try locate()
        if let kernels = WorkerEnvironment.blasKernels(WorkerEnvironment.processorFlags()) {
            setenv("OPENBLAS_CORETYPE", kernels, 0)
        }
        setenv("OPENBLAS_NUM_THREADS", "1", 1)
        var pointers = ([program] + arguments).map { strdup($0) }
        pointers.append(nil)
        execv(program, pointers)
        Terminal.complain("\(program): \(String(cString: strerror(errno)))")
        throw ExitCode.configuration
    }
}
