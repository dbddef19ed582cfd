#if canImport(Glibc)
    internal import Glibc
#else
    internal import Musl
#endif
internal import DurableFiles
internal import JSON
internal import Transformer

/// A folder of golden numbers: models, and fixtures whose index files say what they hold. `HONE_ORACLES` names it;
/// without, the repository's own.
package struct OracleDirectory: Sendable {
    package let path: String

    package init(_ path: String) {
        self.path = path
    }

    /// The folder for this run.
    package static let current = OracleDirectory(
        environment("HONE_ORACLES") ?? packageRoot + "/Tests/Fixtures/oracles")

    /// Names of all fixtures, sorted.
    package var fixtureNames: [String] {
        let names = (try? directoryNames(path + "/golden")) ?? []
        return names.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.sorted()
    }

    /// Names of the fixtures that begin with `prefix`.
    package func fixtureNames(prefix: String) -> [String] { fixtureNames.filter { $0.hasPrefix(prefix) } }

    /// Names of the fixtures of one base model each: forward, gradients, greedy decoding, AdamW.
    package var familyNames: [String] {
        fixtureNames.filter { name in
            guard let fixture = try? fixture(name), let model = try? fixture.index.string("model") else { return false }
            return model == name && fixture.index.values["adapter"] == nil
        }
    }

    package func fixture(_ name: String) throws -> OracleFixture {
        try OracleFixture(name: name, folder: path + "/golden")
    }

    /// Folder of a model.
    package func model(_ name: String) -> String { path + "/models/" + name }
}

/// The root of the package, from this file's place in it.
package let packageRoot: String = {
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return parts.dropLast(3).joined(separator: "/")
}()

/// Folder of data that is not in the repository: `HONE_SHARED`, by default beside the package.
package let sharedFolder: String = environment("HONE_SHARED") ?? packageRoot + "/../shared"

/// Whether a path exists: for tests that need shared data.
package func exists(_ path: String) -> Bool { fileKind(path) != .missing }

/// The value of an environment variable, unless it is empty.
package func environment(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    let text = String(cString: value)
    return text.isEmpty ? nil : text
}
