package import JobModel

/// Absolute paths of what a job reads.
package struct JobInputs: Sendable, Hashable {
    private let paths: [InputRole: String]

    /// - Parameter paths: by the raw value of the role, as the daemon sends them.
    package init(_ paths: [String: String]) {
        self.paths = Dictionary(
            uniqueKeysWithValues: paths.compactMap { key, path in InputRole(rawValue: key).map { ($0, path) } })
    }

    /// The paths that a specification names itself.
    ///
    /// - Parameter folder: where paths that do not begin with a slash begin; nil: in the working directory.
    package init(paths spec: JobSpec, in folder: String? = nil) {
        var paths: [InputRole: String] = [:]
        for (role, reference) in spec.inputs {
            guard case .path(let path, _) = reference else { continue }
            paths[role] = folder.map { path.hasPrefix("/") ? path : $0 + "/" + path } ?? path
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
        var paths = paths(without: role)
        paths[role] = path
        return JobInputs(byRole: paths)
    }

    /// The same inputs with other files and folders for the rows of a role.
    package func replacing(_ role: InputRole, byRows rows: [String]) -> JobInputs {
        guard rows.count > 1, let part = Self.part(of: role) else {
            return rows.first.map { replacing(role, by: $0) } ?? self
        }
        var paths = paths(without: role)
        for (place, row) in rows.enumerated() { paths[part(place)] = row }
        return JobInputs(byRole: paths)
    }

    private func paths(without role: InputRole) -> [InputRole: String] {
        var paths = paths
        if let part = Self.part(of: role) {
            for place in rows(role).indices { paths[part(place)] = nil }
        }
        paths[role] = nil
        return paths
    }

    private init(byRole paths: [InputRole: String]) { self.paths = paths }
}
