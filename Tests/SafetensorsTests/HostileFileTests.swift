import DurableFiles
import Safetensors
import TestFolders
import Testing

/// Headers that must be refused, each with a word of the reason that the error must carry.
struct HostileHeader: Sendable, CustomTestStringConvertible {
    let name: String
    let header: String
    var data = 8
    let reason: String

    var testDescription: String { name }

    static let all: [HostileHeader] = [
        .init(name: "no JSON", header: "{\"a\":", reason: "strict JSON"),
        .init(name: "array at the top", header: "[]", reason: "does not begin with {"),
        .init(name: "trailing text", header: "{} {}", reason: "expected the end of the text"),
        .init(name: "deep nesting", header: "{\"a\":" + String(repeating: "[", count: 100_000), reason: "deeper nesting"),
        .init(
            name: "same name twice",
            header:
                #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
            reason: "a second time"),
        .init(
            name: "same key twice", header: #"{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
            reason: "a second time"),
        .init(
            name: "overlap",
            header:
                #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
            reason: "no overlap"),
        .init(
            name: "two tensors in one place",
            header:
                #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
            reason: "no overlap"),
        .init(
            name: "hole", header: #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, reason: "no hole"),
        .init(
            name: "unused tail", header: #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
            reason: "4 bytes after the last tensor"),
        .init(
            name: "past the end", header: #"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#,
            reason: "truncated"),
        .init(
            name: "size differs", header: #"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#,
            reason: "12 bytes for F32 of shape [3]"),
        .init(
            name: "negative size", header: #"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#,
            reason: "unreadable shape"),
        .init(
            name: "negative offset", header: #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}"#,
            reason: "unreadable data_offsets"),
        .init(
            name: "offsets backwards", header: #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
            reason: "unreadable data_offsets"),
        .init(
            name: "product overflows",
            header: #"{"a":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904],"data_offsets":[0,8]}}"#,
            reason: "overflows"),
        .init(
            name: "product wraps to the right size",
            header: #"{"a":{"dtype":"F32","shape":[4611686018427387904,4,2],"data_offsets":[0,8]}}"#,
            reason: "overflows"),
        .init(
            name: "integer beyond 64 bits",
            header: #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551624]}}"#,
            reason: "unreadable data_offsets"),
        .init(
            name: "fraction as size", header: #"{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#,
            reason: "unreadable shape"),
        .init(
            name: "leading zero", header: #"{"a":{"dtype":"F32","shape":[02],"data_offsets":[0,8]}}"#,
            reason: "strict JSON"),
        .init(
            name: "unknown type", header: #"{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}"#,
            reason: "dtype \"F31\""),
        .init(
            name: "unknown key", header: #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"code":"x"}}"#,
            reason: "unknown key \"code\""),
        .init(name: "no type", header: #"{"a":{"shape":[2],"data_offsets":[0,8]}}"#, reason: "no dtype"),
        .init(
            name: "rank bomb",
            header: #"{"a":{"dtype":"F32","shape":["#
                + Array(repeating: "1", count: 1000).joined(separator: ",") + #"],"data_offsets":[0,4]}}"#,
            reason: "unreadable shape"),
        .init(name: "metadata of numbers", header: #"{"__metadata__":{"a":1}}"#, data: 0, reason: "no text"),
        .init(
            name: "type of another width", header: #"{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}}"#,
            reason: "16 bytes for F64 of shape [2]"),
        .init(
            name: "type that is no text", header: #"{"a":{"dtype":7,"shape":[2],"data_offsets":[0,8]}}"#,
            reason: "no dtype"),
        .init(
            name: "number out of range", header: #"{"a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,8]}}"#,
            reason: "out of range"),
        .init(name: "half a surrogate", header: #"{"\ud800":{}}"#, reason: "surrogate"),
    ]
}

@Suite struct HostileFileTests {
    @Test(arguments: HostileHeader.all)
    func headerIsRefused(hostile: HostileHeader) throws {
        let scratch = try TestFolder()
        let path = try scratch.file(hostile.header, data: [UInt8](repeating: 0, count: hostile.data))
        let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path) }
        #expect(error?.description.contains(hostile.reason) == true, "\(error.map(String.init(describing:)) ?? "")")
        #expect(error?.file == path)
    }

    @Test(arguments: [UInt64.max, 1 << 63, 100_000_001, 1 << 20, 3, 1, 0])
    func lengthPrefixIsNotBelieved(length: UInt64) throws {
        let scratch = try TestFolder()
        let path = try scratch.file("{}  ", length: length)
        #expect(throws: SafetensorsError.self) { try SafetensorsFile(path) }
    }

    @Test(arguments: 0..<10)
    func emptyAndShortFiles(size: Int) throws {
        let scratch = try TestFolder()
        try durableWrite([UInt8](repeating: 0, count: size), to: scratch.path + "/s.safetensors")
        let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(scratch.path + "/s.safetensors") }
        #expect(error?.found == "\(size) bytes")
    }

    @Test func headerThatIsNotUTF8() throws {
        let scratch = try TestFolder()
        let header = Array("{\"a".utf8) + [0xFF] + Array("\":{}}".utf8)
        let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
        let path = scratch.path + "/s.safetensors"
        try durableWrite(length + header, to: path)
        let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path) }
        #expect(error?.description.contains("byte 4: found a byte that is not UTF-8") == true, "\(String(describing: error))")
    }

    /// Every file cut short is refused: no prefix of a valid file is valid.
    @Test func everyTruncationIsRefused() throws {
        let scratch = try TestFolder()
        let header = #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#
        let whole = try readFile(try scratch.file(header, data: [UInt8](repeating: 1, count: 8)))
        for size in 0..<whole.count {
            try durableWrite(Array(whole[..<size]), to: scratch.path + "/cut.safetensors")
            #expect(throws: SafetensorsError.self, "cut to \(size)") {
                try SafetensorsFile(scratch.path + "/cut.safetensors")
            }
        }
    }

    @Test func manyValuesAreCapped() throws {
        let scratch = try TestFolder()
        let bomb = "{\"a\":[" + String(repeating: "0,", count: 2_100_000) + "0]}"
        let path = try scratch.file(bomb)
        let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path) }
        #expect(error?.description.contains("at most 2000000") == true)
    }

    @Test(arguments: [
        (Array("PK\u{3}\u{4}xxxxxxxx".utf8), "pickle"),
        ([0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20], "pickle"),
        (Array("GGUFxxxxxxxx".utf8), "GGUF"), ([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0], "HDF5"),
        (Array("version https://git-lfs".utf8), "Git LFS"),
    ])
    func foreignFormatsAreNamed(bytes: [UInt8], word: String) throws {
        let scratch = try TestFolder()
        try durableWrite(bytes, to: scratch.path + "/model.safetensors")
        let error = #expect(throws: SafetensorsError.self) { try WeightFiles(folder: scratch.path) }
        #expect(error?.found.contains(word) == true)
        #expect(error?.advice != nil)
    }

    @Test func folderWithPickleOnlyTellsHowToConvert() throws {
        let scratch = try TestFolder()
        try durableWrite("x", to: scratch.path + "/pytorch_model.bin")
        let error = #expect(throws: SafetensorsError.self) { try WeightFiles(folder: scratch.path) }
        #expect(error?.file.hasSuffix("pytorch_model.bin") == true)
        #expect(error?.advice?.contains("save_file") == true)
    }
}
