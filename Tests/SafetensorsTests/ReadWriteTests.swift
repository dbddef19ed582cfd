import DurableFiles
import Glibc
import Safetensors
import TestFolders
import Testing

@Suite struct ReadWriteTests {
    private func write(
        _ tensors: [TensorToWrite], order: TensorOrder = .sorted, to path: String
    ) throws -> WrittenFile {
        var file = try HashingFile(creating: path)
        try SafetensorsWriter.write(tensors, order: order, to: &file)
        return try file.finish(name: lastComponent(path))
    }

    @Test func whatIsWrittenIsRead() throws {
        let scratch = try TestFolder()
        let path = scratch.path + "/t.safetensors"
        let written = try write(
            [
                TensorToWrite(name: "small", dataType: .uint8, shape: [3]) { try $0.write([7, 8, 9]) },
                TensorToWrite(name: "w \"quoted\"\n", shape: [2, 2], floats: [1, -2.5, 3e-40, .infinity]),
                TensorToWrite(name: "ids", shape: [2], integers: [-1, 70000]),
                TensorToWrite(name: "none", shape: [0, 4], floats: []),
            ], to: path)
        #expect(written.sha256 == (try SHA256.hex(ofFile: path)).hex)
        let file = try SafetensorsFile(path)
        #expect(file.metadata == ["format": "pt"])
        #expect(file.tensors.map(\.name) == ["ids", "none", "w \"quoted\"\n", "small"])
        #expect(try file.tensor("w \"quoted\"\n")?.floats() == [1, -2.5, 3e-40, .infinity])
        #expect(try file.tensor("ids")?.integers() == [-1, 70000])
        #expect(try file.tensor("small")?.doubles() == [7, 8, 9])
        #expect(try file.tensor("none")?.floats() == [])
        #expect(file.tensor("absent") == nil)
        #expect(!file.isCopied)
        #expect(file.tensor("ids")?.isAligned == true)
    }

    @Test func sameTensorsSameBytes() throws {
        let scratch = try TestFolder()
        let tensors = [
            TensorToWrite(name: "b", shape: [1], floats: [1]), TensorToWrite(name: "a", shape: [1], floats: [2]),
        ]
        let first = try write(tensors, to: scratch.path + "/1")
        let second = try write(tensors.reversed(), to: scratch.path + "/2")
        let given = try write(tensors, order: .given, to: scratch.path + "/3")
        #expect(first.sha256 == second.sha256)
        #expect(first.sha256 != given.sha256)
        #expect(try SafetensorsFile(scratch.path + "/3").tensors.map(\.name) == ["b", "a"])
    }

    @Test(arguments: [
        (DataType.float16, [0x00, 0x3C] as [UInt8], 1.0), (.float16, [0x01, 0x00], 0x1p-24),
        (.float16, [0xFF, 0x7B], 65504),
        (.float16, [0x00, 0xFC], -.infinity), (.float16, [0x00, 0x84], -0x1p-14),
        (.float16, [0xFF, 0x03], 1023 * 0x1p-24),
        (.bfloat16, [0x80, 0x3F], 1), (.bfloat16, [0x49, 0xC0], -3.140625), (.bool, [1], 1),
        (.int8, [0xFE], -2), (.uint8, [0xFE], 254), (.int16, [0, 0x80], -32768), (.uint16, [0xFF, 0xFF], 65535),
        (.int64, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], -1), (.float64, [0, 0, 0, 0, 0, 0, 0xF0, 0x3F], 1),
    ])
    func conversions(dataType: DataType, bytes: [UInt8], value: Double) throws {
        let scratch = try TestFolder()
        let header = "{\"x\":{\"dtype\":\"\(dataType.rawValue)\",\"shape\":[1],\"data_offsets\":[0,\(bytes.count)]}}"
        let file = try SafetensorsFile(try scratch.file(header, data: bytes))
        #expect(try file.tensor("x")?.doubles() == [value])
    }

    @Test func halfPrecisionNotANumber() {
        #expect(float(halfBits: 0x7E00).isNaN)
        #expect(float(brainBits: 0x7FC0).isNaN)
    }

    @Test func eightBitFloatsAreNamedInTheError() throws {
        let scratch = try TestFolder()
        let file = try SafetensorsFile(
            try scratch.file(#"{"x":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}"#, data: [0]))
        let error = #expect(throws: SafetensorsError.self) { try file.tensor("x")?.floats() }
        #expect(error?.tensor == "x")
        #expect(error?.found == "dtype F8_E4M3")
    }

    @Test func misalignedTensorIsReadByCopy() throws {
        let scratch = try TestFolder()
        let header =
            #"{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"y":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}"#
        let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
        let file = try SafetensorsFile(try scratch.file(padded, data: [9, 0, 0, 128, 63]))
        let tensor = try #require(file.tensor("y"))
        #expect(!tensor.isAligned)
        #expect(tensor.sharedFloats == nil)
        #expect(try tensor.floats() == [1])
    }

    @Test func fileThatOthersMayWriteIsCopied() throws {
        let scratch = try TestFolder()
        let (header, data) = ShardTests.oneTensor("a")
        let path = try scratch.file(header, data: data)
        #expect(chmod(path, 0o666) == 0)
        let file = try SafetensorsFile(path)
        #expect(file.isCopied)
        #expect(truncate(path, 0) == 0)
        #expect(try file.tensor("a")?.floats() == [1])
    }

    @Test func wrongShapeNamesBoth() throws {
        let scratch = try TestFolder()
        let (header, data) = ShardTests.oneTensor("a")
        let tensor = try #require(try SafetensorsFile(try scratch.file(header, data: data)).tensor("a"))
        let error = #expect(throws: SafetensorsError.self) { try tensor.requireShape([2, 3]) }
        #expect(error?.description.hasSuffix("tensor \"a\": found shape [1], expected shape [2, 3]") == true)
    }
}
