import Foundation
import TestFolders

/// Real tokenizers and expected ids that are not part of the repository.
enum SharedData {
    static let directory = sharedFolder

    static let conformanceFile = directory + "/data/tokenizer_conformance.jsonl"

    static var isPresent: Bool { FileManager.default.fileExists(atPath: conformanceFile) }

    /// The folder of a tokenizer the conformance file names.
    static func tokenizerDirectory(_ name: String) -> String {
        let candidates = ["\(directory)/tokenizers/\(name)", "\(directory)/models/\(name)"]
        return candidates.first { FileManager.default.fileExists(atPath: $0) } ?? candidates[0]
    }

    /// The rows of a JSON Lines file.
    static func rows(_ path: String) throws -> [[String: Any]] {
        let text = try Data(contentsOf: URL(fileURLWithPath: path))
        return try text.split(separator: UInt8(ascii: "\n")).map { line in
            try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any] ?? [:]
        }
    }

    static func ids(_ value: Any?) -> [Int32] { (value as? [Int])?.map(Int32.init) ?? [] }
}
