/// GPT-2's spelling of bytes as printable characters, in which byte-level vocabularies are written.
///
/// Printable Latin-1 bytes stand for themselves; the 68 others are U+0100 and up, in order.
enum ByteLevelAlphabet: Sendable {
    /// The character of each byte.
    static let scalars: [UInt32] = {
        var next: UInt32 = 0x100
        return (UInt32(0)..<256).map { byte in
            if (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte) {
                return byte
            }
            defer { next += 1 }
            return next
        }
    }()

    /// The character of each byte, as UTF-8.
    static let spellings: [[UInt8]] = scalars.map { scalar in
        var bytes: [UInt8] = []
        UTF8Text.append(scalar, to: &bytes)
        return bytes
    }

    /// The byte of each character below U+0144, or -1.
    private static let bytes: [Int16] = {
        var table = [Int16](repeating: -1, count: 0x144)
        for (byte, scalar) in scalars.enumerated() { table[Int(scalar)] = Int16(byte) }
        return table
    }()

    /// The byte a character stands for, or nil when it is not of the alphabet.
    static func byte(of scalar: UInt32) -> UInt8? {
        guard scalar < 0x144, bytes[Int(scalar)] >= 0 else { return nil }
        return UInt8(bytes[Int(scalar)])
    }

    /// The bytes a token stands for; a token with characters outside the alphabet stands for its own bytes.
    static func decode(_ token: [UInt8]) -> [UInt8] {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(token.count)
        for scalar in UTF8Text.scalars(of: token) {
            guard let byte = byte(of: scalar) else { return token }
            decoded.append(byte)
        }
        return decoded
    }

    /// The spelling of bytes in the alphabet.
    static func encode(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        bytes.flatMap { spellings[Int($0)] }
    }
}
