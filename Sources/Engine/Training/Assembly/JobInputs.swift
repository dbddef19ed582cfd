package import JobModel

/// Absolute paths of what a job reads.
package struct JobInputs: Sendable, Hashable {
    private let paths: [InputRole: String]

    /// - Parameter paths: by the raw value of the role, as the daemon sends them.
    package init(_ paths: [String: String]) {
        self.paths = Dictionary(
            uniqueKeysWithValues: paths.compactMap { key, path in InputRole(rawValue: key).map { ($0, path) } })
    }

    /// The paths that a specification names itself, where nothing had to be resolved.
    package init(paths spec: JobSpec) {
        var paths: [InputRole: String] = [:]
        for (role, reference) in spec.inputs {
            if case .path(let path, _) = reference { paths[role] = path }
        }
        self.paths = paths
    }

    package subscript(role: InputRole) -> String? { paths[role] }

    /// The files and folders with the rows of a role, in the order of the specification.
    package func rows(_ role: InputRole) -> [String] {
        if let path = paths[role] { return [path] }
        guard let part = Self.part(of: role) else { return [] }
        var rows: [String] = []
        while let path = paths[part(rows.count)] { rows.append(path) }
        return rows
    }

    private static func part(of role: InputRole) -> ((Int) -> InputRole)? {
        switch role {
        case .trainingData: InputRole.trainingPart
        case .evaluationData: InputRole.evaluationPart
        default: nil
        }
    }

    /// The path of an input that the method cannot do without.
    package func required(_ role: InputRole) throws -> String {
        guard let path = paths[role] else {
            throw TrainingError.specification("\(role.rawValue): missing, and this method needs it")
        }
        return path
    }

    /// The same inputs with another path for one of them.
    package func replacing(_ role: InputRole, by path: String) -> JobInputs {
        var paths = paths
        if let part = Self.part(of: role) {
            for place in rows(role).indices { paths[part(place)] = nil }
        }
        paths[role] = path
        return JobInputs(byRole: paths)
    }

    private init(byRole paths: [InputRole: String]) { self.paths = paths }
}
