import DurableFiles
import JSON

/// All tensors of a checkpoint folder: one `model.safetensors`, or shards named by `model.safetensors.index.json`.
package final class WeightFiles: Sendable {
    /// The folder, or the single file.
    package let path: String
    package let files: [SafetensorsFile]
    /// Sorted.
    package let names: [String]

    private let places: [String: Int]

    /// Opens the weights of a Hugging Face folder.
    package convenience init(folder: String) throws {
        let single = folder + "/model.safetensors"
        let index = single + ".index.json"
        if fileKind(single) != .missing {
            try self.init(file: single)
        } else if fileKind(index) != .missing {
            try self.init(index: index, folder: folder)
        } else if let pickle = pickleName(among: try directoryNames(folder)) {
            throw pickleError(folder + "/" + pickle)
        } else {
            throw SafetensorsError(
                file: folder, found: "no weights", expected: "model.safetensors or model.safetensors.index.json")
        }
    }

    /// Opens one file.
    package init(file: String) throws {
        let opened = try SafetensorsFile(file)
        path = file
        files = [opened]
        names = opened.tensors.map(\.name).sorted()
        places = Dictionary(uniqueKeysWithValues: names.map { ($0, 0) })
    }

    private init(index: String, folder: String) throws {
        let map = try Self.weightMap(index)
        let shardNames = Set(map.map(\.shard)).sorted()
        path = folder
        files = try shardNames.map { try Self.openShard($0, folder: folder, index: index) }
        let shardPlaces = Dictionary(uniqueKeysWithValues: shardNames.enumerated().map { ($1, $0) })
        places = Dictionary(
            uniqueKeysWithValues: map.compactMap { entry in shardPlaces[entry.shard].map { (entry.name, $0) } })
        names = map.map(\.name).sorted()
        try checkShards(against: index)
    }

    package func contains(_ name: String) -> Bool { places[name] != nil }

    /// The tensor of that name; its absence is an error that names the folder.
    package func tensor(_ name: String) throws -> TensorView {
        guard let place = places[name], let tensor = files[place].tensor(name) else {
            throw SafetensorsError(file: path, tensor: name, found: "no such tensor", expected: "it to be there")
        }
        return tensor
    }

    /// Bytes of all tensors together.
    package var byteCount: Int { files.reduce(0) { $0 + $1.tensors.reduce(0) { $0 + $1.bytes.count } } }

    private static func weightMap(_ index: String) throws -> [(name: String, shard: String)] {
        let json: JSONValue
        do {
            json = try JSONValue(try readFile(index, limit: Header.sizeLimit))
        } catch let error as JSONError {
            throw SafetensorsError(
                file: index, found: "no strict JSON (\(error))", expected: "an object with weight_map")
        }
        guard case .object(let fields) = json, case .object(let members)? = fields["weight_map"], !members.isEmpty
        else {
            throw SafetensorsError(file: index, found: "no weight_map", expected: "weight_map: tensor to file name")
        }
        return try members.map { name, value in
            guard case .string(let shard) = value, isPlainName(shard) else {
                throw SafetensorsError(
                    file: index, tensor: name, found: "\(value.kind) as its file",
                    expected: "the name of a .safetensors file in the same folder")
            }
            return (name, shard)
        }
    }

    private static func isPlainName(_ name: String) -> Bool {
        name.hasSuffix(".safetensors") && !name.utf8.contains(UInt8(ascii: "/")) && !name.utf8.contains(0)
    }

    private static func openShard(_ name: String, folder: String, index: String) throws -> SafetensorsFile {
        do {
            return try SafetensorsFile(folder + "/" + name)
        } catch let error as FileError where error.isMissing {
            throw SafetensorsError(
                file: folder + "/" + name, found: "no such file",
                expected: "the shard that \(lastComponent(index)) names",
                advice: "the checkpoint is incomplete; copy the missing file")
        }
    }

    /// Index and shards must agree in both directions: nothing missing, nothing twice, nothing unnamed.
    private func checkShards(against index: String) throws {
        for name in names { _ = try tensorInShard(name, index: index) }
        for (place, file) in files.enumerated() {
            for tensor in file.tensors where places[tensor.name] != place {
                let found =
                    places[tensor.name].map { "it also in \(lastComponent(files[$0].path))" }
                    ?? "it unnamed in the index"
                throw SafetensorsError(
                    file: file.path, tensor: tensor.name, found: found,
                    expected: "every tensor in exactly the file that \(lastComponent(index)) says")
            }
        }
    }

    private func tensorInShard(_ name: String, index: String) throws -> TensorView {
        guard let place = places[name], let tensor = files[place].tensor(name) else {
            let shard = places[name].map { files[$0].path } ?? path
            throw SafetensorsError(
                file: shard, tensor: name, found: "no such tensor",
                expected: "it there, as \(lastComponent(index)) says")
        }
        return tensor
    }
}
