import Datasets
import TestFolders
import Testing

private let rows = [
    ("Why?", "Because.", "No."), ("Line\nbreak, and \"quotes\"", "ä😀", " leading"), ("3", "c", "r\\t"),
]

@Suite("Reading rows")
struct ReadingTests {
    @Test(arguments: ["jsonl", "json", "csv"])
    func everyFormatGivesTheSameRows(ending: String) throws {
        let folder = try TestFolder()
        let dataset = try Dataset(try folder.write("data." + ending, file(ending)))
        #expect(dataset.count == rows.count)
        for index in [2, 0, 1, 2] {
            let (prompt, chosen, rejected) = rows[index]
            #expect(
                try dataset.preference(index)
                    == PreferenceRow(prompt: .text(prompt), chosen: .text(chosen), rejected: .text(rejected)))
        }
    }

    @Test(arguments: ["jsonl", "json", "csv"])
    func byteOrderMarkAndCarriageReturns(ending: String) throws {
        let folder = try TestFolder()
        let text = try file(ending).replacing("\n{", with: "\r\n{")
        let dataset = try Dataset(try folder.write("data." + ending, [0xEF, 0xBB, 0xBF] + Array(text.utf8)))
        #expect(try dataset.preference(0).prompt == .text("Why?"))
        #expect(dataset.count == rows.count)
    }

    @Test func documentsAreSeparatedByBlankLines() throws {
        let folder = try TestFolder()
        let dataset = try Dataset(try folder.write("corpus.txt", "\n\none\ntwo\n \t\n\nthree\n"))
        #expect(dataset.count == 2)
        #expect(try dataset.text(0) == "one\ntwo")
        #expect(try dataset.text(1) == "three")
    }

    @Test func hugeDocumentGoesOnAsFurtherRows() throws {
        let folder = try TestFolder()
        let line = String(repeating: "x", count: 99_999) + "\n"
        let dataset = try Dataset(try folder.write("corpus.txt", String(repeating: line, count: 7)))
        #expect(dataset.count == 3)
        let total = try (0..<dataset.count).reduce(0) { $0 + (try dataset.text($1)).filter { $0 == "x" }.count }
        #expect(total == 7 * 99_999)
    }

    @Test func severalFilesInOrderOfName() throws {
        let folder = try TestFolder()
        try folder.write("b.jsonl", #"{"text": "second"}"#)
        try folder.write("a.jsonl", "{\"text\": \"first\"}\n\n")
        try folder.write("README.md", "not data")
        let dataset = try Dataset(folder.path)
        #expect(dataset.count == 2)
        #expect(try [dataset.text(0), dataset.text(1)] == ["first", "second"])
        #expect(dataset.place(ofRow: 1) == folder.path + "/b.jsonl:1")
        let single = try Dataset(folder.path + "/a.jsonl")
        #expect(single.digest != dataset.digest)
    }

    @Test func digestIsOfTheBytes() throws {
        let folder = try TestFolder()
        let dataset = try Dataset(try folder.write("abc.txt", "abc"))
        #expect(dataset.digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test func renamedColumns() throws {
        let folder = try TestFolder()
        var columns = ColumnNames()
        for (field, name) in [("prompt", "question"), ("chosen", "good"), ("rejected", "bad")] {
            columns[keyPath: try #require(ColumnNames.fields[field])] = name
        }
        let path = try folder.write(
            "d.jsonl", #"{"question": "q", "good": "g", "bad": "b", "id": 17, "meta": [null, true]}"#)
        let row = try Dataset(path, columns: columns).preference(0)
        #expect(row == PreferenceRow(prompt: .text("q"), chosen: .text("g"), rejected: .text("b")))
    }

    @Test func megabyteLine() throws {
        let folder = try TestFolder()
        let long = String(repeating: "word ", count: 300_000)
        let dataset = try Dataset(try folder.write("d.jsonl", "{\"text\": \"\(long)\"}\n{\"text\": \"short\"}"))
        #expect(try dataset.text(0) == long)
        #expect(try dataset.text(1) == "short")
    }

    @Test func conversations() throws {
        let folder = try TestFolder()
        let path = try folder.write(
            "d.jsonl",
            #"{"prompt": [{"role": "user", "content": "hi"}], "chosen": [{"role": "assistant", "content": "yes"}], "#
                + #""rejected": [{"role": "assistant", "content": "no"}]}"#)
        let row = try Dataset(path).preference(0)
        #expect(row.prompt == .messages([ChatMessage(role: "user", content: "hi")]))
        #expect(row.rejected == .messages([ChatMessage(role: "assistant", content: "no")]))
    }

    @Test func completionKinds() throws {
        let folder = try TestFolder()
        let path = try folder.write(
            "d.jsonl",
            """
            {"prompt": "p", "completion": "c"}
            {"text": "t"}
            {"messages": [{"role": "assistant", "content": "a"}]}
            """)
        let dataset = try Dataset(path)
        #expect(try dataset.completion(0) == .completion(prompt: .text("p"), completion: .text("c")))
        #expect(try dataset.completion(1) == .text("t"))
        #expect(try dataset.completion(2) == .messages([ChatMessage(role: "assistant", content: "a")]))
    }

    /// The same rows in the given format.
    private func file(_ ending: String) throws -> String {
        func json(_ text: String) -> String {
            "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n") + "\""
        }
        let objects = rows.map { "{\"prompt\": \(json($0)), \"chosen\": \(json($1)), \"rejected\": \(json($2))}" }
        switch ending {
        case "jsonl": return objects.joined(separator: "\n\n") + "\n"
        case "json": return "[\n" + objects.joined(separator: " ,\n") + "\n]\n"
        default:
            let quoted = rows.flatMap { [$0.0, $0.1, $0.2] }.map { "\"" + $0.replacing("\"", with: "\"\"") + "\"" }
            let records = stride(from: 0, to: quoted.count, by: 3).map { quoted[$0..<$0 + 3].joined(separator: ",") }
            return "prompt,chosen,rejected\n" + records.joined(separator: "\n")
        }
    }
}
