extension JobSpec {
    /// Reads a specification strictly: every key known, every value in its range, nothing implied.
    ///
    /// All errors are reported at once, each with its place; only a syntax error or a duplicate key comes alone.
    package static func decode(
        _ bytes: [UInt8], format: SpecFormat = .yaml, paths: InputPathRule = .underRoots
    ) throws(SpecErrors) -> JobSpec {
        var text = try SourceText.validated(bytes)
        if format == .json { text = try JSONSource.yaml(from: text) }
        let root = try SpecNode.parse(text)

        var reader = SpecReader(pathRule: paths)
        var spec = JobSpec(name: "", method: .dpo)
        SpecificationTable.top.read(root, "", into: &spec, &reader)
        // Without a method nothing that depends on it can be judged.
        if reader.isWritten("method"), !reader.isFaulty("method") { CrossChecks.run(&spec, &reader) }
        guard reader.diagnostics.isEmpty else { throw SpecErrors(reader.diagnostics) }
        return spec
    }

    /// The resolved specification: JSON with sorted keys and every default written out. Reading it gives this value
    /// back, and equal values have equal bytes.
    package func canonicalJSON() -> [UInt8] {
        SpecificationTable.top.write(self).document
    }
}
