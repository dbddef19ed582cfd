import Datasets
import DurableFiles
package import Compute
package import JobModel
import Safetensors

/// Finds out what lies at a path and looks at all of it.
package struct Inspector {
    /// What is examined: one thing, or files and folders of rows that are one dataset together.
    package let paths: [String]
    /// The model that an adapter, a compressor or rows are for; nil where it has to be found or is not needed.
    package let model: String?
    /// The job to estimate; nil for none.
    package let spec: JobSpec?
    /// Where the job's relative paths begin; nil: in the working directory.
    package let folder: String?
    package let team: ThreadTeam

    /// - Parameter paths: at least one.
    package init(
        _ paths: [String], model: String? = nil, spec: JobSpec? = nil, in folder: String? = nil, team: ThreadTeam
    ) {
        precondition(!paths.isEmpty, "nothing to examine")
        self.paths = paths
        self.model = model
        self.spec = spec
        self.folder = folder
        self.team = team
    }

    /// The one thing that is examined, or the first of several.
    var path: String { paths[0] }

    /// Everything found; problems are part of it.
    /// - Throws: `InspectionError` when nothing is there, or nothing that hone knows.
    package func inspect() throws -> Inspection {
        let kind = try kind()
        var inspection = Inspection(paths.joined(separator: ", "), kind)
        switch kind {
        case .checkpoint: checkpoint(&inspection)
        case .weights: weights(&inspection)
        case .adapter: adapter(&inspection)
        case .tokenizer: tokenizer(&inspection)
        case .dataset: dataset(&inspection)
        case .compressor: compressor(&inspection)
        }
        if let spec, inspection.isUsable { estimate(spec, &inspection) }
        return inspection
    }

    // MARK: Kinds

    private func kind() throws(InspectionError) -> Inspection.Kind {
        guard paths.count > 1 else { return try kind(of: path) }
        for path in paths {
            let kind = try kind(of: path)
            guard kind == .dataset else {
                throw InspectionError(
                    path: path, found: "a \(kind.rawValue) among several paths",
                    expected: "files and folders of rows, which are read as one dataset; examine others one by one")
            }
        }
        return .dataset
    }

    private func kind(of path: String) throws(InspectionError) -> Inspection.Kind {
        guard let names = try? directoryNames(path) else { return try kindOfFile(path) }
        func holds(_ marks: String...) -> Bool { names.contains { name in marks.contains { name == $0 } } }
        if holds("gmsa.json") { return .compressor }
        if holds("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin") { return .adapter }
        if holds("config.json", "model.safetensors.index.json") { return .checkpoint }
        if names.contains(where: isWeights) { return .checkpoint }
        if holds("tokenizer.json", "tokenizer_config.json", "tokenizer.model") { return .tokenizer }
        if names.contains(where: { (try? DatasetFileKind(path: $0)) != nil }) { return .dataset }
        throw InspectionError(path: path, found: "a folder with none of hone's files in it")
    }

    private func kindOfFile(_ path: String) throws(InspectionError) -> Inspection.Kind {
        guard (try? fileSize(path)) != nil else { throw InspectionError(path: path, found: "no such file or folder") }
        if isWeights(path) { return .weights }
        if path.hasSuffix("tokenizer.json") || path.hasSuffix("tokenizer.model") { return .tokenizer }
        if path.hasSuffix(".parquet") || (try? DatasetFileKind(path: path)) != nil { return .dataset }
        throw InspectionError(path: path, found: "a file whose name says nothing that hone knows")
    }

    private func isWeights(_ name: String) -> Bool {
        name.hasSuffix(".safetensors") || name.hasSuffix(".gguf") || isPickle(name)
    }

    func isPickle(_ name: String) -> Bool { pickleName(among: [name]) != nil }
}

/// Why there is nothing to examine.
package struct InspectionError: Error, Sendable, Equatable, CustomStringConvertible {
    package let path: String
    package let found: String
    package let expected: String

    init(
        path: String, found: String,
        expected: String = "a checkpoint (config.json, model.safetensors), an adapter (adapter_config.json), a "
            + "tokenizer (tokenizer.json), GMSA artifacts (gmsa.json) or a dataset (.jsonl, .json, .csv, .txt, packed "
            + "or not)"
    ) {
        self.path = path
        self.found = found
        self.expected = expected
    }

    package var description: String { "\(path): found \(found), expected \(expected)" }
}
