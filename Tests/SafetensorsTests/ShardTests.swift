import DurableFiles
import Safetensors
import TestFolders
import Testing

@Suite struct ShardTests {
    static func oneTensor(_ name: String, _ values: [UInt8] = [0, 0, 128, 63]) -> (String, [UInt8]) {
        ("{\"\(name)\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", values)
    }

    private func folder(_ index: String) throws -> TestFolder {
        let scratch = try TestFolder()
        for (shard, tensor) in [("s1", "a"), ("s2", "b")] {
            let (header, data) = Self.oneTensor(tensor)
            _ = try scratch.file(header, data: data, name: shard + ".safetensors")
        }
        try durableWrite(index, to: scratch.path + "/model.safetensors.index.json")
        return scratch
    }

    @Test func shardsReadAsOne() throws {
        let scratch = try folder(
            #"{"metadata":{"total_size":8},"weight_map":{"b":"s2.safetensors","a":"s1.safetensors"}}"#)
        let weights = try WeightFiles(folder: scratch.path)
        #expect(weights.names == ["a", "b"])
        #expect(weights.byteCount == 8)
        #expect(try weights.tensor("b").floats() == [1])
        let error = #expect(throws: SafetensorsError.self) { try weights.tensor("c") }
        #expect(error?.tensor == "c")
    }

    @Test(arguments: [
        (#"{"weight_map":{"a":"s1.safetensors","b":"../s2.safetensors"}}"#, "same folder"),
        (#"{"weight_map":{"a":"/etc/x.safetensors"}}"#, "same folder"),
        (#"{"weight_map":{"a":"s1.safetensors","b":"s2.bin"}}"#, "same folder"),
        (#"{"weight_map":{"a":"s1.safetensors","b":7}}"#, "same folder"),
        (#"{"weight_map":{"a":"s1.safetensors","a":"s2.safetensors"}}"#, "a second time"),
        (#"{"weight_map":{"a":"s1.safetensors","b":"sub/s2.safetensors"}}"#, "same folder"),
        (#"{"weight_map":{"a":"s1.safetensors","b":"s2.safetensors\u0000.safetensors"}}"#, "same folder"),
        ("{\"weight_map\":" + String(repeating: "[", count: 100_000), "deeper nesting"),
        (#"{"weight_map":{"a":"s1.safetensors"},"x":"#, "no strict JSON"),
        (#"{"weight_map":{}}"#, "no weight_map"),
        (#"{"weight_map":{"a":"s1.safetensors","b":"s3.safetensors"}}"#, "s3.safetensors"),
        (#"{"weight_map":{"a":"s1.safetensors","b":"s1.safetensors"}}"#, "no such tensor"),
        (#"{"weight_map":{"a":"s1.safetensors","b":"s2.safetensors","c":"s2.safetensors"}}"#, "no such tensor"),
    ])
    func badIndexIsRefused(index: String, reason: String) throws {
        let scratch = try folder(index)
        let error = #expect(throws: SafetensorsError.self) { try WeightFiles(folder: scratch.path) }
        #expect(error?.description.contains(reason) == true, "\(error.map(String.init(describing:)) ?? "")")
    }

    /// Every beginning of a shard is refused, with the name of the shard.
    @Test func truncatedShardIsRefused() throws {
        let scratch = try folder(#"{"weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}}"#)
        let path = scratch.path + "/s2.safetensors"
        let whole = try readFile(path)
        for size in 0..<whole.count {
            try durableWrite(Array(whole[..<size]), to: path)
            let error = #expect(throws: SafetensorsError.self, "cut to \(size)") { try WeightFiles(folder: scratch.path) }
            #expect(error?.file == path)
        }
    }

    /// A shard that is a pickle under another name is refused with the way to convert it.
    @Test func pickleAsShardIsRefused() throws {
        let scratch = try folder(#"{"weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}}"#)
        try durableWrite(Array("PK\u{3}\u{4}xxxxxxxx".utf8), to: scratch.path + "/s2.safetensors")
        let error = #expect(throws: SafetensorsError.self) { try WeightFiles(folder: scratch.path) }
        #expect(error?.file.hasSuffix("/s2.safetensors") == true && error?.advice?.contains("save_file") == true)
    }

    @Test func tensorInTwoShardsIsRefused() throws {
        let scratch = try folder(#"{"weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}}"#)
        let both =
            #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#
        _ = try scratch.file(both, data: [UInt8](repeating: 0, count: 8), name: "s2.safetensors")
        let error = #expect(throws: SafetensorsError.self) { try WeightFiles(folder: scratch.path) }
        #expect(error?.tensor == "a")
        #expect(error?.found == "it also in s1.safetensors")
    }

    @Test func tensorTheIndexDoesNotNameIsRefused() throws {
        let scratch = try folder(#"{"weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}}"#)
        let more =
            #"{"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"z":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#
        _ = try scratch.file(more, data: [UInt8](repeating: 0, count: 8), name: "s2.safetensors")
        let error = #expect(throws: SafetensorsError.self) { try WeightFiles(folder: scratch.path) }
        #expect(error?.tensor == "z")
    }
}
