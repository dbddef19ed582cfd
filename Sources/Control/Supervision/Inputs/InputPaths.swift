import DurableFiles
import JobModel

/// Where the inputs of a job lie, told from the files that were pinned for it. What was pinned is what the job gets,
/// whatever the roots are by now.
enum InputPaths {
    static func located(_ spec: JobSpec, pins: [InputPin]) -> [InputRole: String] {
        var paths: [InputRole: String] = [:]
        for (role, reference) in spec.inputs {
            let files = pins.filter { $0.role == role }
            guard let first = files.first else { continue }
            let isFile = files.count == 1 && first.path.hasSuffix("/\(Self.name(reference))")
            paths[role] = isFile ? first.path : parentDirectory(first.path)
        }
        return paths
    }

    /// What the path of a single file would end with.
    private static func name(_ reference: InputReference) -> String {
        switch reference {
        case .path(let name, _): name
        case .artifact(_, let artifact): artifact.map { "artifacts/\($0)" } ?? "artifacts/"
        }
    }
}
