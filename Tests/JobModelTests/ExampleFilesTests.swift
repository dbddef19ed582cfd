import Foundation
import JobModel
import Testing

/// The example specifications of the repository.
@Suite struct ExampleFilesTests {
    static let directory = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(
            "jobs")

    static let names = ((try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? [])
        .filter { SpecFormat(fileName: $0) != nil }.sorted()

    private func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: Self.directory.appendingPathComponent(name)))
    }

    @Test func everyImplementedMethodHasAnExample() {
        for method in MethodDescription.all where method.isImplemented {
            #expect(Self.names.contains("\(method.method.rawValue).yaml"))
        }
    }

    @Test(arguments: names)
    func examplesAreRight(_ name: String) throws {
        let spec = try JobSpec.decode(try bytes(name))
        #expect(try JobSpec.decode(spec.canonicalJSON(), format: .json) == spec)
    }

    /// An example that shows every knob keeps doing so.
    @Test(arguments: ["ti-dpo", "dpo", "sft", "pretrain"])
    func examplesExplainEveryObjectiveKey(_ method: String) throws {
        let text = String(decoding: try bytes("\(method).yaml"), as: UTF8.self)
        let description = try #require(MethodDescription.all.first { $0.method.rawValue == method })
        for key in description.objectiveKeys {
            let word = key.path.split(separator: ".").last.map(String.init) ?? ""
            #expect(text.contains("\(word):"), "\(key.path)")
        }
    }
}
