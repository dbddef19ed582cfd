internal import DurableFiles
package import JSON

/// Reads typed fields of a JSON object; every error names the file, the key, what was found and what was expected.
package struct JSONFields: Sendable {
    /// Named in errors.
    package let file: String
    /// All fields as they were read.
    package let values: JSONObject

    /// Throws unless the value is an object.
    package init(_ value: JSONValue, file: String) throws(ModelError) {
        guard case .object(let values) = value else {
            throw .malformedField(file: file, key: "(root)", found: value.kind, expected: "an object")
        }
        self.file = file
        self.values = values
    }

    /// The value unless absent or null.
    package func value(_ key: String) -> JSONValue? {
        guard let value = values[key], value != .null else { return nil }
        return value
    }

    /// A whole number between 1 and `limit`, or nil when absent.
    package func count(_ key: String, limit: Int = 1 << 28) throws(ModelError) -> Int? {
        guard let value = value(key) else { return nil }
        guard case .integer(let number) = value, (1...limit).contains(number) else {
            throw malformed(key, value, "a whole number between 1 and \(limit)")
        }
        return number
    }

    /// A whole number between 1 and `limit` that must be there.
    package func requiredCount(_ key: String, limit: Int = 1 << 28) throws(ModelError) -> Int {
        guard let number = try count(key, limit: limit) else {
            throw .malformedField(
                file: file, key: key, found: "nothing", expected: "a whole number between 1 and \(limit)")
        }
        return number
    }

    /// A finite number, or nil when absent.
    package func number(_ key: String) throws(ModelError) -> Double? {
        switch value(key) {
        case nil: return nil
        case .integer(let number): return Double(number)
        case .number(let number) where number.isFinite: return number
        case let other?: throw malformed(key, other, "a number")
        }
    }

    /// A finite number above zero, or nil when absent.
    package func positive(_ key: String) throws(ModelError) -> Double? {
        guard let number = try number(key) else { return nil }
        guard number > 0 else {
            throw .malformedField(file: file, key: key, found: "\(number)", expected: "a number above 0")
        }
        return number
    }

    /// A boolean, or nil when absent.
    package func bool(_ key: String) throws(ModelError) -> Bool? {
        switch value(key) {
        case nil: return nil
        case .bool(let flag): return flag
        case let other?: throw malformed(key, other, "true or false")
        }
    }

    /// A string, or nil when absent.
    package func string(_ key: String) throws(ModelError) -> String? {
        switch value(key) {
        case nil: return nil
        case .string(let text): return text
        case let other?: throw malformed(key, other, "a string")
        }
    }

    /// A list of strings, or nil when absent.
    package func strings(_ key: String) throws(ModelError) -> [String]? {
        guard let value = value(key) else { return nil }
        guard case .array(let items) = value else { throw malformed(key, value, "a list of strings") }
        var texts: [String] = []
        for item in items {
            guard case .string(let text) = item else { throw malformed(key, item, "a list of strings") }
            texts.append(text)
        }
        return texts
    }

    /// One token id or a list of them; empty when absent.
    package func tokenIDs(_ key: String) throws(ModelError) -> [Int32] {
        let items: [JSONValue]
        switch value(key) {
        case nil: return []
        case .array(let list): items = list
        case let single?: items = [single]
        }
        var ids: [Int32] = []
        for item in items {
            guard case .integer(let id) = item, id >= 0, let id = Int32(exactly: id) else {
                throw malformed(key, item, "a token id or a list of token ids")
            }
            ids.append(id)
        }
        return ids
    }

    /// A nested object, or nil when absent.
    package func object(_ key: String) throws(ModelError) -> JSONFields? {
        guard let value = value(key) else { return nil }
        guard case .object = value else { throw malformed(key, value, "an object") }
        return try JSONFields(value, file: file)
    }

    /// The error for a value of the wrong kind.
    package func malformed(_ key: String, _ found: JSONValue, _ expected: String) -> ModelError {
        .malformedField(file: file, key: key, found: found.kind, expected: expected)
    }
}

extension JSONValue {
    /// Reads the one value of a text. The error names `file`.
    package static func parse(_ bytes: [UInt8], file: String) throws(ModelError) -> JSONValue {
        do throws(JSONError) {
            return try JSONValue(bytes)
        } catch {
            throw .unreadableFile(path: file, reason: "not valid JSON: \(error)")
        }
    }

    /// Reads the one value of a file.
    package static func read(_ path: String, hint: String) throws -> JSONValue {
        guard fileKind(path) != .missing else { throw ModelError.missingFile(path: path, hint: hint) }
        return try parse(try readFile(path), file: path)
    }
}
