import Datasets
import Glibc
import TestFolders
import Testing

@Suite("Errors name the place")
struct RowErrorTests {
    @Test(
        arguments: [
            (#"{"prompt": "p", "rejected": "r"}"#, "chosen", "no such field"),
            (#"{"prompt": "p", "chosen": 7, "rejected": "r"}"#, "chosen", "the integer 7"),
            (#"{"prompt": "p", "chosen": null, "rejected": "r"}"#, "chosen", "null"),
            (#"{"prompt": {}, "chosen": "c", "rejected": "r"}"#, "prompt", "an object"),
            (#"{"prompt": "p", "chosen": "c", "rejected": ["r"]}"#, "rejected", "message 1"),
        ])
    func wrongFields(row: String, field: String, found: String) throws {
        let folder = try TestFolder()
        let good = #"{"prompt": "p", "chosen": "c", "rejected": "r"}"#
        let path = try folder.write("d.jsonl", "\(good)\n\n\(row)\n")
        let dataset = try Dataset(path)
        let error = try #require(throws: DatasetError.self) { try dataset.preference(1) }
        #expect(error.file == path && error.line == 3 && error.field == field)
        #expect(error.found.contains(found))
        #expect(error.description.hasPrefix("\(path):3: field \"\(field)\": found "))
    }

    @Test(
        arguments: [
            ("d.jsonl", "{\"text\": \"a\"", "not JSON"), ("d.jsonl", "[1, 2]", "a list"),
            ("d.jsonl", "{\"text\": \"a\"} trailing", "not JSON"), ("d.jsonl", "nothing", "not JSON"),
            ("d.jsonl", #"{"text": "a", "text": "b"}"#, "the key \"text\" a second time"),
            ("d.jsonl", #"{"text": "\ud800"}"#, "half of a surrogate pair"),
            ("d.jsonl", #"{"text": "a", "score": NaN}"#, "byte 24: 'N'"),
            ("d.jsonl", #"{"text": "a", "score": 1e999}"#, "out of range"),
            ("d.jsonl", "{\"text\": " + String(repeating: "[", count: 100_000), "deeper nesting"),
            ("d.json", #"[{"text": "a" "b"}]"#, "a comma or the end of the object"),
            ("d.csv", "text,b\nonly one", "1 fields"), ("d.csv", "text\n\"a\"x", "after a closing quote"),
        ])
    func malformedRows(name: String, content: String, found: String) throws {
        let folder = try TestFolder()
        let dataset = try Dataset(try folder.write(name, content))
        let error = try #require(throws: DatasetError.self) { try dataset.text(0) }
        #expect(error.found.contains(found), "\(error)")
        #expect(error.line == (name.hasSuffix("csv") ? 2 : 1))
    }

    @Test(
        arguments: [
            ("d.json", "{\"text\": 1}", "does not begin"), ("d.json", "[{\"text\": \"a\"}", "inside the array"),
            ("d.json", "[] x", "after the array"), ("d.csv", "a\n\"open", "inside a quoted field"),
            ("d.jsonl", " \n\n", "no rows"), ("d.csv", "", "no header"), ("d.parquet", "x", "\".parquet\""),
            ("d.jsonl.gz", "x", "breaks off"), ("d.jsonl.zst", "{\"text\": 1}", "damaged zstd"),
            ("d.jsonl.gz", "{\"text\": \"long enough\"}", "damaged gzip"), ("d.csv.gz", "", "an empty file"),
            ("d.jsonl.xz", "x", "\".xz\""), ("d", "x", "without an ending"),
        ])
    func malformedFiles(name: String, content: String, found: String) throws {
        let folder = try TestFolder()
        let path = try folder.write(name, content)
        let error = try #require(throws: DatasetError.self) { try Dataset(path) }
        #expect(error.found.contains(found), "\(error)")
        #expect(error.description.contains(path))
    }

    /// A file that breaks off names the line where what breaks off begins, packed or not.
    @Test(
        arguments: [
            ("d.csv", "a,b\n1,2\n\"x\ny\",3\n4,\"open\nand on\n", 5, "inside a quoted field"),
            ("d.json", "[{\"text\": \"a\"},\n\n {\"text\":\n \"b\"", 3, "inside the array"),
            ("d.json", "\n[", 2, "inside the array"), ("d.json", "[{\"text\": \"a\"}\n]\n\nx", 4, "after the array"),
            ("d.json", "\n \n{\"text\": \"a\"}", 3, "does not begin"),
        ])
    func filesThatBreakOff(name: String, content: String, line: Int, found: String) throws {
        let folder = try TestFolder()
        let bytes = Array(content.utf8)
        let packed = Packer.allCases.map { (name + "." + $0.rawValue, $0.pack(bytes)) }
        for (path, bytes) in [(name, bytes)] + packed {
            let error = try #require(throws: DatasetError.self) { try Dataset(try folder.write(path, bytes)) }
            #expect(error.line == line && error.found.contains(found), "\(error)")
            #expect(error.description.hasPrefix("\(folder.path)/\(path):\(line): found "))
        }
    }

    @Test func invalidUTF8() throws {
        let folder = try TestFolder()
        let path = try folder.write(
            "d.jsonl", Array("{\"text\": \"ok\"}\n{\"text\": \"é".utf8) + [0xFF] + Array("\"}".utf8))
        let error = try #require(throws: DatasetError.self) { try Dataset(path).text(1) }
        #expect(error.line == 2 && error.found == "invalid UTF-8 at byte 13")
    }

    @Test(arguments: ["d.jsonl", "d.json", "d.csv", "d.txt"])
    func invalidUTF8InEveryFormat(name: String) throws {
        let folder = try TestFolder()
        let (before, after) =
            switch name {
            case "d.jsonl": ("{\"text\": \"ok\"}\n{\"text\": \"", "\"}\n")
            case "d.json": ("[{\"text\": \"ok\"},\n{\"text\": \"", "\"}]\n")
            case "d.csv": ("text\n\"", "\"\n")
            default: ("\n", "\n")
            }
        for bytes in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82]] as [[UInt8]] {
            let path = try folder.write(name, Array(before.utf8) + bytes + Array(after.utf8))
            let dataset = try Dataset(path)
            let error = try #require(throws: DatasetError.self) { try dataset.text(dataset.count - 1) }
            #expect(error.file == path && error.line == 2 && error.found.contains("invalid UTF-8"), "\(error)")
            #expect(error.advice?.contains("iconv") == true)
        }
    }

    /// A megabyte on one line is a row like others; where it is wrong, the message stays short.
    @Test func megabyteRowThatIsWrong() throws {
        let folder = try TestFolder()
        let long = String(repeating: "word ", count: 300_000)
        let path = try folder.write("d.jsonl", "{\"text\": \"a\"}\n{\"text\": \"\(long)\"\n{\"other\": \"\(long)\"}\n")
        let dataset = try Dataset(path)
        for (row, found) in [(1, "the end of the text in place of a comma"), (2, "no such field")] {
            let error = try #require(throws: DatasetError.self) { try dataset.text(row) }
            #expect(error.line == row + 1 && error.found.contains(found), "\(error.found.prefix(300))")
            #expect(error.description.utf8.count < 500)
        }
    }

    @Test func hugeRow() throws {
        let folder = try TestFolder()
        let row = Array("{\"text\": \"a\"}\n{\"text\": \"".utf8) + [UInt8](repeating: 0x61, count: 65 << 20)
        let error = try #require(throws: DatasetError.self) { try Dataset(try folder.write("d.jsonl", row)) }
        #expect(error.line == 2 && error.expected.contains("67108864"))
    }

    @Test func fileChangedInUse() throws {
        let folder = try TestFolder()
        let path = try folder.write("d.txt", "one\n\ntwo\n")
        let dataset = try Dataset(path)
        #expect(try dataset.text(1) == "two")
        let handle = try #require(fopen(path, "a"))
        fputs("three\n", handle)
        fclose(handle)
        let error = try #require(throws: DatasetError.self) { try dataset.text(1) }
        #expect(error.found.contains("changed"))
    }

    @Test func missingFile() {
        #expect(throws: (any Error).self) { try Dataset("/nonexistent/d.jsonl") }
    }
}
