/// Turns the spellings of tokens back into text.
indirect enum TokenDecoder: Sendable {
    case sequence([TokenDecoder])
    case byteLevel
    case metaspace(replacement: UInt32, keepsFirst: Bool)
    case byteFallback
    case fuse
    case replace(Pattern, [UInt8])
    case strip(UInt32, start: Int, stop: Int)

    static let supported = "Sequence, ByteLevel, Metaspace, ByteFallback, Fuse, Replace, Strip"

    /// The text of a list of token spellings; without a decoder the spellings are joined by spaces.
    static func text(of tokens: [[UInt8]], by decoder: TokenDecoder?) -> String {
        guard let decoder else { return String(decoding: Array(tokens.joined(separator: [0x20])), as: UTF8.self) }
        return String(decoding: decoder.apply(to: tokens).joined(), as: UTF8.self)
    }

    private func apply(to tokens: [[UInt8]]) -> [[UInt8]] {
        switch self {
        case .sequence(let steps): steps.reduce(tokens) { $1.apply(to: $0) }
        case .byteLevel: [tokens.flatMap(ByteLevelAlphabet.decode)]
        case .metaspace(let replacement, let keepsFirst):
            tokens.enumerated().map { index, token in
                Self.withSpaces(token, for: replacement, isDropped: index == 0 && !keepsFirst)
            }
        case .byteFallback: Self.joiningBytes(tokens)
        case .fuse: [Array(tokens.joined())]
        case .replace(let pattern, let content):
            tokens.map { AlignedText(verbatim: $0).replacing(pattern, with: content).bytes }
        case .strip(let scalar, let start, let stop): tokens.map { Self.stripped($0, scalar, start, stop) }
        }
    }

    private static func withSpaces(_ token: [UInt8], for replacement: UInt32, isDropped: Bool) -> [UInt8] {
        var result: [UInt8] = []
        for scalar in UTF8Text.scalars(of: token) {
            if scalar != replacement {
                UTF8Text.append(scalar, to: &result)
            } else if !isDropped {
                result.append(0x20)
            }
        }
        return result
    }

    /// Joins runs of `<0xHH>` tokens; a run that is not UTF-8 becomes one replacement character for each byte.
    private static func joiningBytes(_ tokens: [[UInt8]]) -> [[UInt8]] {
        var result: [[UInt8]] = []
        var run: [UInt8] = []
        func flush() {
            guard !run.isEmpty else { return }
            let isText = run.withUnsafeBufferPointer { UTF8Text.firstInvalidOffset(in: $0) == nil }
            result.append(isText ? run : Array(repeatElement([0xEF, 0xBF, 0xBD], count: run.count).joined()))
            run.removeAll()
        }
        for token in tokens {
            if let byte = BytePairModel.byte(ofFallbackToken: token) {
                run.append(byte)
            } else {
                flush()
                result.append(token)
            }
        }
        flush()
        return result
    }

    private static func stripped(_ token: [UInt8], _ scalar: UInt32, _ start: Int, _ stop: Int) -> [UInt8] {
        var scalars = UTF8Text.scalars(of: token)[...]
        let leading = scalars.prefix(start).prefix { $0 == scalar }.count
        scalars = scalars.dropFirst(leading)
        let trailing = scalars.suffix(stop).reversed().prefix { $0 == scalar }.count
        scalars = scalars.dropLast(trailing)
        var result: [UInt8] = []
        for value in scalars { UTF8Text.append(value, to: &result) }
        return result
    }

    /// The decoder of the file; null is none.
    static func read(_ node: JSONNode) throws(TokenizerError) -> TokenDecoder? {
        if node.isNull { return nil }
        var steps: [TokenDecoder] = []
        try append(node, to: &steps)
        return .sequence(steps)
    }

    private static func append(_ node: JSONNode, to steps: inout [TokenDecoder]) throws(TokenizerError) {
        if try node["type"].string() == "Sequence" {
            for element in try node["decoders"].elements() { try append(element, to: &steps) }
            return
        }
        try node.checkStepCount(steps.count)
        steps.append(try step(node))
    }

    private static func step(_ node: JSONNode) throws(TokenizerError) -> TokenDecoder {
        switch try node["type"].string() {
        case "ByteLevel": return .byteLevel
        case "ByteFallback": return .byteFallback
        case "Fuse": return .fuse
        case "Metaspace":
            let (scheme, replacement) = try PreTokenizer.metaspaceScheme(node)
            return .metaspace(replacement: replacement, keepsFirst: scheme == .never)
        case "Replace":
            return .replace(
                try PreTokenizer.pattern(node["pattern"]), Array(try node["content"].string().utf8))
        case "Strip":
            return .strip(
                try node["content"].scalar(), start: try node["start"].index(), stop: try node["stop"].index())
        default: throw node["type"].unsupported(supported)
        }
    }
}
