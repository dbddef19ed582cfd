import Datasets
import Foundation
import TestFolders
import Testing

private let contents = [
    "jsonl": "{\"text\": \"one\"}\n\n{\"text\": \"two ä😀\"}\n{\"text\": \"three\"}\n",
    "json": "[{\"text\": \"one\"},\n {\"text\": \"two ä😀\"}, {\"text\": \"three\"}]",
    "csv": "id,text\n1,one\n2,two ä😀\n3,\"three\"\n", "txt": "one\n\ntwo ä😀\n\n\nthree\n",
]

@Suite("Compressed files")
struct CompressedFileTests {
    @Test(arguments: Packer.allCases, contents.keys.sorted())
    func rowsAndDigestAreThoseOfThePlainFile(packer: Packer, ending: String) throws {
        let folder = try TestFolder()
        let text = try #require(contents[ending])
        let plain = try Dataset(try folder.write("d." + ending, text))
        let name = "d.\(ending).\(packer.rawValue)"
        let packed = try Dataset(try folder.write(name, packer.pack(Array(text.utf8))), scratch: folder.path)
        #expect(packed.digest == plain.digest)
        for row in [2, 0, 1, 2] { #expect(try packed.text(row) == ["one", "two ä😀", "three"][row]) }
        #expect(packed.place(ofRow: 2) == folder.path + "/\(name):\(ending == "json" ? 2 : ending == "txt" ? 6 : 4)")
    }

    @Test(arguments: Packer.allCases)
    func severalPackedParts(packer: Packer) throws {
        let folder = try TestFolder()
        let parts = (0..<3).flatMap { packer.pack(Array("{\"text\": \"\($0)\"}\n".utf8)) }
        let dataset = try Dataset(try folder.write("d.jsonl.\(packer.rawValue)", parts))
        #expect(try (0..<dataset.count).map { try dataset.text($0) } == ["0", "1", "2"])
    }

    @Test(arguments: Packer.allCases)
    func foldersHoldAnyMixture(packer: Packer) throws {
        let folder = try TestFolder()
        try folder.write("a.jsonl", "{\"text\": \"a\"}")
        try folder.write("b.txt.\(packer.rawValue)", packer.pack(Array("b".utf8)))
        try folder.write("c.parquet", "not read")
        let dataset = try Dataset(folder.path)
        #expect(try [dataset.text(0), dataset.text(1)] == ["a", "b"])
    }

    @Test(arguments: Packer.allCases)
    func nothingIsLeftBehind(packer: Packer) throws {
        let folder = try TestFolder()
        let path = try folder.write("d.txt.\(packer.rawValue)", packer.pack(Array("text".utf8)))
        let scratch = folder.path + "/scratch"
        let dataset = try Dataset(path, scratch: scratch)
        #expect(try dataset.text(0) == "text")
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch).isEmpty)
    }

    @Test(arguments: Packer.allCases)
    func badRowsNameTheFileAndItsLine(packer: Packer) throws {
        let folder = try TestFolder()
        let bytes = Array("{\"text\": \"ok\"}\n{\"text\": \"".utf8) + [0xC3, 0x28] + Array("\"}\n{\"text\"".utf8)
        let path = try folder.write("d.jsonl.\(packer.rawValue)", packer.pack(bytes))
        let dataset = try Dataset(path)
        for (row, found) in [(1, "invalid UTF-8"), (2, "not JSON")] {
            let error = try #require(throws: DatasetError.self) { try dataset.text(row) }
            #expect(error.file == path && error.line == row + 1)
            #expect(error.found.contains(found), "\(error)")
        }
    }

    /// Rows of digits that do not repeat, so that packing leaves something to cut.
    private func manyRows() -> [UInt8] {
        (0..<20_000).reduce(into: [UInt8]()) { bytes, row in
            bytes += Array("{\"text\": \"\(row &* 2_654_435_761 % 1_000_003)\"}\n".utf8)
        }
    }

    @Test(arguments: Packer.allCases)
    func truncatedFiles(packer: Packer) throws {
        let folder = try TestFolder()
        let packed = packer.pack(manyRows())
        let path = try folder.write("d.jsonl.\(packer.rawValue)", Array(packed.prefix(packed.count / 2)))
        let error = try #require(throws: DatasetError.self) { try Dataset(path) }
        #expect(error.file == path && error.found.contains("breaks off"), "\(error)")
        #expect(error.advice?.contains("again") == true)
        let header = try folder.write("e.jsonl.\(packer.rawValue)", Array(packed.prefix(3)))
        #expect(throws: DatasetError.self) { try Dataset(header) }
    }

    @Test(arguments: Packer.allCases)
    func bytesBehindTheEnd(packer: Packer) throws {
        let folder = try TestFolder()
        let packed = packer.pack(Array("text".utf8)) + Array("garbage".utf8)
        let error = try #require(throws: DatasetError.self) {
            try Dataset(try folder.write("d.txt.\(packer.rawValue)", packed))
        }
        #expect(error.found.contains("damaged"), "\(error)")
    }

    @Test func damagedContentIsNoticedByItsChecksum() throws {
        let folder = try TestFolder()
        var packed = Packer.gzip.pack(manyRows())
        packed[packed.count - 6] ^= 1
        let error = try #require(throws: DatasetError.self) { try Dataset(try folder.write("d.jsonl.gz", packed)) }
        #expect(error.found.contains("damaged gzip data"), "\(error)")
    }

    @Test(arguments: Packer.allCases)
    func bombs(packer: Packer) throws {
        let folder = try TestFolder()
        let bomb = packer.pack([UInt8](repeating: 0x20, count: 80 << 20))
        #expect(bomb.count < 1 << 20)
        let path = try folder.write("d.txt.\(packer.rawValue)", bomb)
        let error = try #require(throws: DatasetError.self) { try Dataset(path) }
        #expect(error.file == path && error.found.contains("more than 250 times"), "\(error)")
    }

    /// A frame that asks for a window of 256 MiB, written by hand: header, one raw block of one byte.
    @Test func windowsThatNeedTooMuchMemory() throws {
        let folder = try TestFolder()
        let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 18 << 3, 1 << 3 | 1, 0, 0, 0x61]
        let error = try #require(throws: DatasetError.self) { try Dataset(try folder.write("d.txt.zst", frame)) }
        #expect(error.found.contains("window above 128 MiB") && error.advice != nil, "\(error)")
    }

    @Test(arguments: Packer.allCases)
    func megabyteLines(packer: Packer) throws {
        let folder = try TestFolder()
        let long = String(repeating: "long words ", count: 200_000)
        let text = "{\"text\": \"\(long)\"}\n{\"text\": \"short\"}\n"
        let dataset = try Dataset(try folder.write("d.jsonl.\(packer.rawValue)", packer.pack(Array(text.utf8))))
        #expect(try dataset.text(0).utf8.count == 2_200_000)
        #expect(try dataset.text(1) == "short")
    }
}
