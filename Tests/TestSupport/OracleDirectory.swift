internal import DurableFiles
internal import JSON
internal import TestFolders
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

/// Whether a path exists: for tests that need shared data.
package func exists(_ path: String) -> Bool { fileKind(path) != .missing }
