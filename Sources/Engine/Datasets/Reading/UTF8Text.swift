/// Strict decoding of UTF-8: a dataset never trains on replacement characters by accident.
enum UTF8Text {
    /// The text of some bytes.
    /// - Throws: `RowProblem` naming the first byte, counted from 1, that is not UTF-8.
    static func string(_ bytes: some Collection<UInt8>) throws(RowProblem) -> String {
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        let position = firstInvalidByte(bytes) + 1
        throw RowProblem(
            found: "invalid UTF-8 at byte \(position)", expected: "UTF-8 text",
            advice: "convert the file, for example with iconv -t UTF-8")
    }

    private static func firstInvalidByte(_ bytes: some Collection<UInt8>) -> Int {
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var position = 0
        while true {
            switch parser.parseScalar(from: &iterator) {
            case .valid(let scalar): position += scalar.count
            case .error, .emptyInput: return position
            }
        }
    }
}
