import DurableFiles
import JobModel

extension Configuration {
    /// The configuration of a root, and where each value that is no default was set.
    ///
    /// `hone.yaml`, then the files of `conf.d` in order of name; later wins, key by key. Everything that is wrong in
    /// any file is reported at once.
    package static func load(_ root: Root) throws(ConfigurationErrors) -> (Configuration, origins: [String: String]) {
        var reading = ConfigurationReading()
        for file in files(root) { reading.read(file) }
        guard reading.errors.isEmpty else { throw ConfigurationErrors(lines: reading.errors) }
        return (reading.configuration, reading.origins)
    }

    /// Every value as one would write it, with its origin: `key: value    # file`.
    package func shown(origins: [String: String]) -> [String] {
        ConfigurationKey.all.flatMap { $0.show(self) }.map { path, value in
            "\(path): \(value)    # \(origins[path] ?? "default")"
        }
    }

    private static func files(_ root: Root) -> [String] {
        let further = (try? directoryNames(root.configurationDirectory)) ?? []
        let named = further.filter { $0.hasSuffix(".yaml") && !$0.hasPrefix(".") }
        return ([root.configurationFile] + named.map { "\(root.configurationDirectory)/\($0)" })
            .filter { fileKind($0) != .missing }
    }
}

/// The state of reading several files into one configuration.
private struct ConfigurationReading {
    var configuration = Configuration()
    var origins: [String: String] = [:]
    var errors: [String] = []

    mutating func read(_ file: String) {
        do {
            // An empty file or one of comments only sets nothing.
            guard let root = try SpecNode.document(readFile(file, limit: 1 << 20)) else { return }
            visit(root, path: [], file: file)
        } catch let problems as SpecErrors {
            errors += problems.lines(file: file)
        } catch {
            errors.append("\(file): error: \(error)")
        }
    }

    private mutating func visit(_ node: SpecNode, key: SourceMark? = nil, path: [String], file: String) {
        if let known = Self.key(for: path) {
            set(known, node, path: path, file: file)
        } else if case .mapping(let entries) = node.content, Self.isSection(path) {
            for entry in entries { visit(entry.value, key: entry.mark, path: path + [entry.key], file: file) }
        } else if Self.isSection(path) {
            // `queues:` with nothing below it says nothing; anything else is a mistake.
            if node.text != "" { report(node.mark, path, "expected keys below it", file) }
        } else {
            report(
                key ?? node.mark, path, "unknown key; known are \(Self.known(below: path.dropLast()))", file)
        }
    }

    private mutating func set(_ key: ConfigurationKey, _ node: SpecNode, path: [String], file: String) {
        var list: [String]?
        if case .sequence(let nodes) = node.content {
            let texts = nodes.compactMap(\.text)
            list = texts.count == nodes.count ? texts : nil
        }
        let value = ConfigurationValue(text: node.text, list: list, directory: parentDirectory(file))
        let name = path.count > 1 ? path[1] : ""
        if key.read(value, name, &configuration) {
            origins[path.joined(separator: ".")] = file
        } else {
            let found = value.text.map { ", found \"\($0)\"" } ?? ""
            report(node.mark, path, "expected \(key.expected)\(found)", file)
        }
    }

    private mutating func report(_ mark: SourceMark, _ path: [String], _ message: String, _ file: String) {
        errors.append(SpecDiagnostic(mark: mark, key: path.joined(separator: "."), message: message).line(file: file))
    }

    private static func key(for path: [String]) -> ConfigurationKey? {
        ConfigurationKey.all.first { matches($0, path, whole: true) }
    }

    private static func isSection(_ path: [String]) -> Bool {
        ConfigurationKey.all.contains { matches($0, path, whole: false) }
    }

    private static func matches(_ key: ConfigurationKey, _ path: [String], whole: Bool) -> Bool {
        let parts = key.path.split(separator: ".")
        guard whole ? parts.count == path.count : parts.count > path.count else { return false }
        return zip(parts, path).allSatisfy { $0 == "*" ? JobSpec.isName($1) : $0 == $1 }
    }

    private static func known(below path: some Collection<String>) -> String {
        let depth = path.count
        let siblings = ConfigurationKey.all.filter { matches($0, Array(path), whole: false) }
            .map { String($0.path.split(separator: ".")[depth]) }
        return Set(siblings).sorted().joined(separator: ", ")
    }
}
