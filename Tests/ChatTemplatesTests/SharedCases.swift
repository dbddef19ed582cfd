import ChatTemplates
import Foundation
import TestFolders

/// Renderings by transformers that are not part of the repository.
enum SharedCases {
    static let directory = sharedFolder

    static let casesFile = directory + "/data/chat_template_cases.jsonl"
    static let templatesFile = directory + "/data/chat_templates/templates.json"

    static var isPresent: Bool {
        FileManager.default.fileExists(atPath: casesFile) && FileManager.default.fileExists(atPath: templatesFile)
    }

    static func rows() throws -> [[String: Any]] {
        try Data(contentsOf: URL(fileURLWithPath: casesFile)).split(separator: UInt8(ascii: "\n")).map { line in
            try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any] ?? [:]
        }
    }

    static func templates() throws -> [String: String] {
        let data = try Data(contentsOf: URL(fileURLWithPath: templatesFile))
        return try JSONSerialization.jsonObject(with: data) as? [String: String] ?? [:]
    }

    /// A value of the JSON reader; keys of mappings are sorted, for the reader forgets their order.
    static func value(_ json: Any?) -> ChatValue {
        switch json {
        case let text as String: .string(text)
        case let list as [Any]: .list(list.map(value))
        case let mapping as [String: Any]:
            .mapping(mapping.sorted { $0.key < $1.key }.map { ChatValue.Member($0.key, value($0.value)) })
        case let number as NSNumber:
            CFNumberIsBoolean(number) ? .boolean(number.boolValue) : .integer(number.intValue)
        default: .null
        }
    }

    private static func CFNumberIsBoolean(_ number: NSNumber) -> Bool {
        String(cString: number.objCType) == "c"
    }
}
