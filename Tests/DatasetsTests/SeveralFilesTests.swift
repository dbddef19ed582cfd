import Datasets
import TestFolders
import Testing

/// A list of files and folders is read in its own order.
@Suite("Several files")
struct SeveralFilesTests {
    private let folder: TestFolder

    init() throws {
        folder = try TestFolder()
        try folder.write("b.jsonl", "{\"text\": \"b0\"}\n\n{\"text\": \"b1\"}\n")
        try folder.write("a.csv", "text\na0\na1\n")
        try folder.write("c.json", "[{\"text\": \"c0\"}]")
    }

    private func texts(_ dataset: Dataset) throws -> [String] { try (0..<dataset.count).map { try dataset.text($0) } }

    private func paths(_ names: String...) -> [String] { names.map { folder.path + "/" + $0 } }

    @Test func rowsFollowEachOtherAsTheListSays() throws {
        let dataset = try Dataset(paths("b.jsonl", "c.json", "a.csv"))
        #expect(try texts(dataset) == ["b0", "b1", "c0", "a0", "a1"])
        #expect(dataset.place(ofRow: 1) == folder.path + "/b.jsonl:3")
        #expect(dataset.place(ofRow: 4) == folder.path + "/a.csv:3")
        let other = try Dataset(paths("c.json", "b.jsonl", "a.csv"))
        #expect(other.digest != dataset.digest)
    }

    @Test func theFilesOfAFolderInItsOrderAreTheFolder() throws {
        let list = try Dataset(paths("a.csv", "b.jsonl", "c.json"))
        let whole = try Dataset(folder.path)
        #expect(list.digest == whole.digest && list.count == whole.count)
        #expect(try texts(list) == texts(whole))
        let both = try Dataset([folder.path] + paths("c.json"))
        #expect(try texts(both) == texts(whole) + ["c0"])
    }

    @Test func aMissingFileIsNamed() {
        let absent = folder.path + "/absent.jsonl"
        #expect {
            try Dataset(paths("b.jsonl") + [absent])
        } throws: {
            "\($0)".contains(absent)
        }
        #expect {
            try Dataset(paths("b.jsonl", "a.csv") + [folder.path + "/notes.parquet"])
        } throws: {
            "\($0)".contains("notes.parquet") && "\($0)".contains("convert")
        }
    }

    @Test func aBadRowNamesItsOwnFileAndLine() throws {
        let bad = try folder.write("d.jsonl", "{\"text\": \"d0\"}\n\n{\"text\": 7}\n{\n")
        let dataset = try Dataset(paths("b.jsonl") + [bad] + paths("c.json"))
        for (row, line) in [(3, 3), (4, 4)] {
            let error = try #require(throws: DatasetError.self) { try dataset.text(row) }
            #expect(error.file == bad && error.line == line, "\(error)")
        }
        #expect(try dataset.text(5) == "c0")
    }

    /// Examples are drawn over all files together, and a cursor goes on with exactly the next one.
    @Test func aCursorGoesOnAcrossFiles() throws {
        let dataset = try Dataset(paths("b.jsonl", "c.json", "a.csv"))
        func read(_ order: inout ExampleOrder, _ count: Int) throws -> [String] {
            try order.next(count).map { try dataset.text($0) }
        }
        var straight = ExampleOrder(count: dataset.count, seed: 5)
        let all = try read(&straight, 12)
        #expect(all[..<5].sorted() == ["a0", "a1", "b0", "b1", "c0"])
        for stop in 0...12 {
            var first = ExampleOrder(count: dataset.count, seed: 5)
            let before = try read(&first, stop)
            let again = try Dataset(paths("b.jsonl", "c.json", "a.csv"))
            var second = ExampleOrder(count: again.count, seed: 5, cursor: first.cursor)
            #expect(before + (try read(&second, 12 - stop)) == all)
        }
    }
}
