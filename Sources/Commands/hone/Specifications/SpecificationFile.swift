import ArgumentParser
import DurableFiles
import JobModel

/// A job file that was read and is right.
struct SpecificationFile {
    /// As it was typed.
    let path: String
    /// Its name in the drop directory, whose ending says what it is written in.
    let dropName: String
    let bytes: [UInt8]
    let spec: JobSpec

    /// What to say where this build cannot run the job.
    var missingMethod: String? {
        spec.method.isImplemented ? nil : "\(path): error: this build cannot run method \(spec.method.rawValue)"
    }

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
        let spec = try JobSpec.decode(bytes, format: format, paths: paths)
        // The daemon looks at no other names.
        let name = lastComponent(path)
        let isSeen = SpecFormat(fileName: name) != nil && !name.hasPrefix(".")
        return SpecificationFile(
            path: path, dropName: isSeen ? name : "\(spec.name).yaml", bytes: bytes, spec: spec)
    }

    /// The same with what was asked for on the command line.
    ///
    /// Lines at the end of the text where that says it, so that comments stay; else the resolved specification.
    func with(hold: Bool, key: String?) throws -> SpecificationFile {
        if let key, let own = spec.idempotencyKey, own != key {
            Terminal.complain("\(path): it has another idempotency_key, \"\(own.escapingControlCharacters)\"")
            throw ExitCode.refused
        }
        var wanted = spec
        wanted.hold = spec.hold || hold
        wanted.idempotencyKey = key ?? spec.idempotencyKey
        guard wanted != spec else { return self }
        var text = String(decoding: bytes, as: UTF8.self) + "\n"
        if !spec.hold && hold { text += "hold: true\n" }
        if let key, spec.idempotencyKey == nil {
            text += "idempotency_key: \(String(decoding: try JSONCoding.encode(key), as: UTF8.self))\n"
        }
        if (try? JobSpec.decode(Array(text.utf8), format: .yaml)) == wanted {
            return SpecificationFile(path: path, dropName: dropName, bytes: Array(text.utf8), spec: wanted)
        }
        return try resolved(wanted)
    }

    private func resolved(_ wanted: JobSpec) throws -> SpecificationFile {
        let bytes = wanted.canonicalJSON()
        do {
            let spec = try JobSpec.decode(bytes, format: .json)
            return SpecificationFile(path: path, dropName: "\(spec.name).json", bytes: bytes, spec: spec)
        } catch {
            // A key that is too long, say.
            error.lines(file: path).forEach(Terminal.complain)
            throw ExitCode.refused
        }
    }
}
