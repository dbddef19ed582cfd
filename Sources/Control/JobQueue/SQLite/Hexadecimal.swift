import Foundation

/// Digests are text in files and messages, and 32 bytes in the database.
enum Hexadecimal {
    /// The bytes of a digest.
    static func bytes(_ text: String) throws -> Data {
        let digits = Array(text.utf8)
        var bytes = Data(capacity: 32)
        for index in stride(from: 0, to: digits.count - 1, by: 2) {
            guard let byte = UInt8(String(decoding: digits[index...(index + 1)], as: UTF8.self), radix: 16) else {
                break
            }
            bytes.append(byte)
        }
        guard digits.count == 64, bytes.count == 32 else {
            throw StoreError.refused("expected a digest of 64 hexadecimal digits, found \"\(text.prefix(80))\"")
        }
        return bytes
    }

    /// Lower-case digits.
    static func text(_ bytes: Data) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
