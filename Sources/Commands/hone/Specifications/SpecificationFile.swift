import ArgumentParser
import DurableFiles
import JobModel

/// A job file that was read and is right.
struct SpecificationFile {
    /// As it was typed.
    let path: String
    let bytes: [UInt8]
    let spec: JobSpec

    /// Reads a file, or says what is wrong with it, line by line, and ends the command with 5 (2 if it cannot be read).
    static func read(_ path: String, paths: InputPathRule = .underRoots) throws -> SpecificationFile {
        do {
            return try check(path, paths: paths)
        } catch let errors as SpecErrors {
            errors.lines(file: path).forEach(Terminal.complain)
            throw ExitCode.refused
        } catch let error as FileError {
            Terminal.complain("\(error)")
            throw ExitCode.usage
        }
    }

    /// Reads a file; throws `SpecErrors` or `FileError`.
    static func check(_ path: String, paths: InputPathRule = .underRoots) throws -> SpecificationFile {
        let bytes = try readFile(path)
        let format: SpecFormat = path.hasSuffix(".json") ? .json : .yaml
        return SpecificationFile(
            path: path, bytes: bytes, spec: try JobSpec.decode(bytes, format: format, paths: paths))
    }
}
