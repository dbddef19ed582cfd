import JSON

/// A JSON value together with the path of keys that leads to it, so that errors can name the place.
struct JSONNode: Sendable {
    let value: JSONValue
    let path: String
    let file: String

    /// The member `key` of an object; a missing one reads as null.
    subscript(key: String) -> JSONNode {
        let path = self.path.isEmpty ? key : "\(self.path).\(key)"
        guard case .object(let members) = value, let member = members[key] else {
            return JSONNode(value: .null, path: path, file: file)
        }
        return JSONNode(value: member, path: path, file: file)
    }

    var isNull: Bool { value == .null }

    /// The members of an object.
    func members() throws(TokenizerError) -> [(key: String, node: JSONNode)] {
        guard case .object(let members) = value else { throw fault("an object") }
        return members.map { ($0.key, JSONNode(value: $0.value, path: "\(path).\($0.key)", file: file)) }
    }

    /// The elements of an array.
    func elements() throws(TokenizerError) -> [JSONNode] {
        guard case .array(let elements) = value else { throw fault("an array") }
        return elements.enumerated().map { JSONNode(value: $1, path: "\(path)[\($0)]", file: file) }
    }

    func string() throws(TokenizerError) -> String {
        guard case .string(let text) = value else { throw fault("a string") }
        return text
    }

    /// A string of exactly one scalar.
    func scalar() throws(TokenizerError) -> UInt32 {
        let scalars = Array(try string().unicodeScalars)
        guard scalars.count == 1 else { throw fault("a string of one character") }
        return scalars[0].value
    }

    /// A truth value; null reads as `absent`, and as an error when that is nil.
    func boolean(absent: Bool? = nil) throws(TokenizerError) -> Bool {
        if isNull, let absent { return absent }
        guard case .bool(let flag) = value else { throw fault("true or false") }
        return flag
    }

    /// What ids and places may be.
    static let indices = 0...Int(Int32.max)

    /// A whole number that can be an id or a place.
    func index() throws(TokenizerError) -> Int {
        guard case .integer(let number) = value, Self.indices.contains(number) else {
            throw fault("a whole number from 0 to \(Self.indices.upperBound)")
        }
        return number
    }

    /// The file does not say what it must.
    func fault(_ expected: String) -> TokenizerError {
        TokenizerError(.malformed, file: file, place: path, found: value.kind, expected: expected)
    }

    /// The file asks for something that is not implemented.
    func unsupported(_ supported: String) -> TokenizerError {
        TokenizerError(.unsupported, file: file, place: path, found: value.kind, expected: supported)
    }
}

extension TokenizerError {
    /// A file that is not JSON, or not of the form that was expected.
    init(_ error: JSONError, file: String) {
        self.init(.malformed, file: file, place: error.place, found: error.found, expected: error.expected)
    }
}
