import Foundation
import Testing

@testable import ChatTemplates

@Suite("Conformance of chat templates")
struct ConformanceTests {
    // The data lies beside the repository, not in it: without it there is nothing to compare with.
    @Test(
        "Every case renders as transformers renders it, or fails as there",
        .enabled(if: SharedCases.isPresent, "no shared data (set HONE_SHARED)"))
    func cases() throws {
        let templates = try SharedCases.templates()
        let rows = try SharedCases.rows()
        #expect(!rows.isEmpty)
        for row in rows {
            let file = try #require(row["template_file"] as? String)
            let name = "\(file), \(row["case"] ?? "")"
            let template = try ChatTemplate(try #require(templates[file]))
            let variables = ["bos_token", "eos_token", "date_string"].compactMap { key in
                (row[key] as? String).map { ChatValue.Member(key, .string($0)) }
            }
            let result = Result {
                try template.render(
                    messages: SharedCases.value(row["messages"]),
                    addGenerationPrompt: row["add_generation_prompt"] as? Bool ?? false, variables: variables)
            }
            switch result {
            case .success(let chat):
                #expect(chat.text == row["expected"] as? String, "\(name)")
                if let spans = row["assistant_char_spans"] as? [[Int]] {
                    #expect(characterSpans(chat) == spans, "\(name)")
                }
            case .failure(let error):
                let expected = try #require(row["error"] as? String, "\(name): \(error)")
                let raised = try #require(error as? ChatTemplateError)
                #expect(raised.kind == .raised && expected.hasSuffix(raised.message), "\(name): \(raised)")
            }
        }
    }

    @Test("Every template is read", .enabled(if: SharedCases.isPresent, "no shared data (set HONE_SHARED)"))
    func templates() throws {
        for (name, source) in try SharedCases.templates() {
            #expect(throws: Never.self, "\(name)") { try ChatTemplate(source) }
        }
    }

    private func characterSpans(_ chat: RenderedChat) -> [[Int]] {
        let bytes = Array(chat.text.utf8)
        func characters(_ end: Int) -> Int { String(decoding: bytes[..<end], as: UTF8.self).unicodeScalars.count }
        return chat.assistantRanges.map { [characters($0.lowerBound), characters($0.upperBound)] }
    }
}
