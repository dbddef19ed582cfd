import ArgumentParser
import DurableFiles
import Glibc
import Supervision

/// The engine's program, which does all arithmetic.
enum Engine {
    /// $HONE_WORKER, else where it lies as a rule; ends the command with 78 if it is not there.
    static func locate() throws -> String {
        do {
            return try WorkerProgram.find(getenv("HONE_WORKER").map { String(cString: $0) })
        } catch let error as FileError {
            Terminal.complain("\(error)")
            throw ExitCode.configuration
        }
    }

    /// Becomes the engine with these arguments. The kernels of OpenBLAS are chosen when it is loaded, hence by its
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
