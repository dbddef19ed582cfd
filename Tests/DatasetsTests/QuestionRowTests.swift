import Datasets
import TestFolders
import Testing

/// Questions with one answer or several.
@Suite struct QuestionRowTests {
    @Test(arguments: [
        (#"{"prompt": "q", "completion": "a"}"#, ["a"]), (#"{"prompt": "q", "completion": ["a", "b"]}"#, ["a", "b"]),
        (#"{"prompt": "q", "completion": ["", "b"]}"#, ["", "b"]), (#"{"prompt": "q", "completion": []}"#, []),
    ])
    func answers(_ row: String, _ answers: [String]) throws {
        let folder = try TestFolder()
        let dataset = try Dataset(try folder.write("d.jsonl", row + "\n"))
        #expect(try dataset.question(0) == QuestionRow(prompt: "q", answers: answers))
    }

    @Test(arguments: [
        (#"{"prompt": "q", "completion": ["a", 3]}"#, "completion"), (#"{"prompt": "q"}"#, "completion"),
        (#"{"prompt": ["q"], "completion": "a"}"#, "prompt"), (#"{"prompt": "q", "completion": {"a": 1}}"#, "completion"),
    ])
    func refusals(_ row: String, _ field: String) throws {
        let folder = try TestFolder()
        let dataset = try Dataset(try folder.write("d.jsonl", row + "\n"))
        let error = try #require(throws: DatasetError.self) { try dataset.question(0) }
        #expect(error.field == field && error.line == 1)
    }
}
