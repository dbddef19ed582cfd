internal import Compute
internal import DurableFiles
internal import Safetensors

// A soft-token file is a safetensors file: the tensor `soft_tokens`, the state where text may follow, and metadata that
// says what it is. Every word of it is checked when it is read. It has no date: the same text and compressor give the
// same bytes, so files can be compared and kept by their digest.

/// The names in a soft-token file.
private enum Key {
    static let format = "format"
    static let version = "gmsa_soft_tokens"
    static let compressor = "compressor_sha256"
    static let tokenizer = "tokenizer_sha256"
    static let stage = "stage"
    static let baseModel = "base_model"
    static let rate = "rate"
    static let remainder = "remainder"
    static let segment = "segment_tokens"
    static let tokens = "tokens"
    static let texts = "text_sha256"
    static let content = "content_sha256"

    static let all = [
        format, version, compressor, tokenizer, stage, baseModel, rate, remainder, segment, tokens, texts, content,
    ]

    static let softTokens = "soft_tokens"
    static let open = "state.open"
    static func state(_ part: String, _ layer: Int, _ what: String) -> String { "state.\(part).\(layer).\(what)" }
}

/// The version that is written, and the only one that is read.
private let version = "2"

// MARK: - Writing

extension CompressedContext {
    /// Replaces the file as one act. The same text and compressor give the same bytes.
    package func write(to path: String) throws {
        let tensors = tensors
        var metadata = metadata
        metadata[Key.content] = Content.digest(metadata, tensors)
        let written = tensors.map { TensorToWrite(name: $0.name, shape: $0.shape, floats: $0.values) }
        try durableWrite(to: path) { try SafetensorsWriter.write(written, metadata: metadata, to: &$0) }
    }

    private var metadata: [String: String] {
        [
            Key.format: "pt", Key.version: version, Key.compressor: origin.compressor,
            Key.tokenizer: origin.tokenizer, Key.stage: origin.stage.rawValue, Key.baseModel: origin.baseModel,
            Key.rate: "\(origin.groupSize)",
            Key.remainder: origin.remainder.rawValue, Key.segment: "\(origin.segmentLength)",
            Key.tokens: "\(tokenCount)", Key.texts: origin.textDigests.joined(separator: ","),
        ]
    }

    private typealias NamedTensor = (name: String, shape: [Int], values: [Float])

    /// Everything that the file holds, by name.
    private var tensors: [NamedTensor] {
        var tensors: [NamedTensor] = [(Key.softTokens, [count, width], floats(softTokens))]
        guard let state else { return tensors }
        let last = origin.lastSegment(of: tokenCount)
        func add(_ part: String, _ layers: [LayerState], rows: Int) {
            for (layer, state) in layers.enumerated() {
                let shape = [rows, state.keys.count / max(1, rows)]
                tensors.append((Key.state(part, layer, "keys"), shape, floats(state.keys)))
                tensors.append((Key.state(part, layer, "values"), shape, floats(state.values)))
            }
        }
        add("encoder", state.encoder, rows: last.tokens)
        add("alignment", state.alignment, rows: last.groups)
        tensors.append((Key.open, [last.open, width], floats(state.open)))
        return tensors.sorted { $0.name < $1.name }
    }
}

private func floats(_ values: [Real]) -> [Float] { values.map { Float($0) } }

/// The digest that ties metadata and tensors together.
private enum Content {
    static func digest(
        _ metadata: [String: String], _ tensors: [(name: String, shape: [Int], values: [Float])]
    ) -> String {
        var digest = SHA256.Stream()
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) where key != Key.content {
            digest.update(Array("\(key)=\(value)\n".utf8))
        }
        for tensor in tensors.sorted(by: { $0.name < $1.name }) {
            digest.update(Array("\(tensor.name) \(tensor.shape)\n".utf8))
            tensor.values.withUnsafeBytes { digest.update($0) }
        }
        return digest.hex()
    }
}

// MARK: - Reading

extension CompressedContext {
    /// Reads a file strictly.
    ///
    /// - Throws: `SafetensorsError` for a file that is truncated, damaged, of another version or not about soft tokens.
    package init(file path: String) throws {
        let file = try SafetensorsFile(path)
        try self.init(Reader(file))
    }

    private init(_ reader: Reader) throws {
        let origin = try reader.origin()
        let tokens = try reader.count(Key.tokens)
        let soft = try reader.matrix(Key.softTokens, rows: origin.softTokenCount(of: tokens))
        width = soft.width
        softTokens = soft.values
        tokenCount = tokens
        self.origin = origin
        state = try reader.state(origin.lastSegment(of: tokens), width: soft.width)
        try reader.checkNothingElse()
    }
}

/// Takes a file apart and remembers what was asked for.
private final class Reader {
    private let file: SafetensorsFile
    private var read: Set<String> = []
    private var contents: [(name: String, shape: [Int], values: [Float])] = []

    init(_ file: SafetensorsFile) throws {
        self.file = file
        guard file.metadata[Key.version] != nil else {
            throw SafetensorsError(
                file: file.path, found: "no \(Key.version) in its metadata", expected: "a soft-token file",
                advice: "hone compress makes one")
        }
        guard text(Key.version) == version else {
            throw SafetensorsError(
                file: file.path, found: "\(Key.version) \"\(text(Key.version))\"", expected: version,
                advice: "another version of hone wrote it; make it again with hone compress")
        }
        guard Set(file.metadata.keys) == Set(Key.all) else {
            let found = file.metadata.keys.sorted().joined(separator: ", ")
            throw SafetensorsError(
                file: file.path, found: "metadata \(found)", expected: Key.all.sorted().joined(separator: ", "))
        }
    }

    func origin() throws -> CompressedContext.Origin {
        CompressedContext.Origin(
            compressor: text(Key.compressor), tokenizer: text(Key.tokenizer), stage: try word(Key.stage),
            baseModel: text(Key.baseModel), groupSize: try count(Key.rate), remainder: try word(Key.remainder),
            segmentLength: try count(Key.segment),
            textDigests: text(Key.texts).split(separator: ",").map(String.init))
    }

    /// One of a few words.
    private func word<Word: RawRepresentable<String> & CaseIterable>(_ key: String) throws -> Word {
        guard let word = Word(rawValue: text(key)) else {
            throw wrong(key, "one of \(Word.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return word
    }

    /// A whole number from 1 on.
    func count(_ key: String) throws -> Int {
        guard let number = Int(text(key)), number >= 1, "\(number)" == text(key) else {
            throw wrong(key, "a whole number of 1 or more")
        }
        return number
    }

    /// A tensor with so many rows.
    func matrix(_ name: String, rows: Int, width: Int? = nil) throws -> (width: Int, values: [Real]) {
        guard let tensor = file.tensor(name) else {
            throw SafetensorsError(file: file.path, tensor: name, found: "no such tensor", expected: "it to be there")
        }
        // Layers of a segment without finished groups have nothing to keep.
        let isNothing = rows == 0 && name != Key.softTokens
        guard tensor.shape.count == 2, tensor.shape[0] == rows, tensor.shape[1] > 0 || isNothing,
            width.map({ $0 == tensor.shape[1] }) ?? true
        else {
            throw SafetensorsError(
                file: file.path, tensor: name, found: "shape \(tensor.shape)",
                expected: "shape [\(rows), \(width.map { "\($0)" } ?? "width")], as its metadata says")
        }
        guard tensor.dataType == .float32 else {
            throw SafetensorsError(file: file.path, tensor: name, found: tensor.dataType.rawValue, expected: "F32")
        }
        let floats = try tensor.floats()
        read.insert(name)
        contents.append((name, tensor.shape, floats))
        return (tensor.shape[1], floats.map { Real($0) })
    }

    /// The state where there is one.
    func state(
        _ last: (tokens: Int, groups: Int, open: Int), width: Int
    ) throws -> CompressedContext.State? {
        guard file.tensor(Key.open) != nil else { return nil }
        return CompressedContext.State(
            encoder: try layers("encoder", rows: last.tokens),
            alignment: try layers("alignment", rows: last.groups),
            open: try matrix(Key.open, rows: last.open, width: width).values)
    }

    private func layers(_ part: String, rows: Int) throws -> [CompressedContext.LayerState] {
        var layers: [CompressedContext.LayerState] = []
        while file.tensor(Key.state(part, layers.count, "keys")) != nil {
            let keys = try matrix(Key.state(part, layers.count, "keys"), rows: rows)
            let values = try matrix(Key.state(part, layers.count, "values"), rows: rows, width: keys.width)
            layers.append(CompressedContext.LayerState(keys: keys.values, values: values.values))
        }
        return layers
    }

    /// Refuses tensors that nobody asked for, and content that was changed.
    func checkNothingElse() throws {
        if let unknown = file.tensors.map(\.name).first(where: { !read.contains($0) }) {
            throw SafetensorsError(
                file: file.path, tensor: unknown, found: "a tensor of that name", expected: "none in a soft-token file")
        }
        let digest = Content.digest(file.metadata, contents)
        guard digest == text(Key.content) else {
            throw SafetensorsError(
                file: file.path, found: "content with digest \(digest)", expected: text(Key.content),
                advice: "the file is damaged; make it again with hone compress")
        }
    }

    private func text(_ key: String) -> String { file.metadata[key] ?? "" }

    private func wrong(_ key: String, _ expected: String) -> SafetensorsError {
        SafetensorsError(file: file.path, found: "\(key) \"\(text(key))\"", expected: expected)
    }
}
