/// Jinja's filters on plain values; those that call other filters or tests are the interpreter's.
enum Filters {
    static func apply(_ value: Value, _ arguments: CallArguments) throws(ValueError) -> Value {
        switch arguments.name {
        case "trim":
            try arguments.check(["chars"])
            return .string(
                StringSearch.stripped(value.text, try arguments.string(0, "chars"), left: true, right: true))
        case "upper": return .string(value.text.uppercased())
        case "lower": return .string(value.text.lowercased())
        case "capitalize": return .string(Methods.capitalized(value.text))
        case "title": return .string(Methods.titled(value.text))
        case "replace": return try Methods.call(.string(value.text), arguments)
        case "string", "safe": return .string(value.text)
        case "length", "count": return .integer(try length(value))
        case "default", "d":
            try arguments.check(["default_value", "boolean"])
            let replacesFalse = arguments[1, "boolean"]?.isTrue ?? false
            if case .undefined = value { return arguments[0, "default_value"] ?? .string("") }
            return replacesFalse && !value.isTrue ? arguments[0, "default_value"] ?? .string("") : value
        case "tojson": return try json(value, arguments)
        case "join":
            try arguments.check(["d", "attribute"])
            var values = value
            if let attribute = try arguments.string(1, "attribute") {
                values = .list(try elements(of: value).map { $0.path(attribute) })
            }
            return .string(try joined(values, by: arguments.string(0, "d") ?? ""))
        case "int", "float", "abs", "round": return try number(value, arguments)
        case "first": return try elements(of: value).first ?? .undefined("first")
        case "last": return try elements(of: value).last ?? .undefined("last")
        case "list": return .list(try elements(of: value))
        case "items":
            if case .undefined = value { return .list([]) }
            return try Methods.call(value, CallArguments("items"))
        case "reverse":
            if case .string(let text) = value { return .string(StringSearch.string(text.unicodeScalars.reversed())) }
            return .list(try elements(of: value).reversed())
        case "sort", "unique", "sum", "min", "max", "dictsort": return try ordered(value, arguments)
        case "indent": return try indented(value.text, arguments)
        default: throw ValueError("the filter '\(arguments.name)'", .unsupported)
        }
    }

    // MARK: Sequences

    /// The elements of a list, the keys of a mapping or the characters of a string.
    static func elements(of value: Value) throws(ValueError) -> [Value] {
        switch value {
        case .list(let elements): return elements
        case .mapping(let members): return members.map { .string($0.key) }
        case .string(let text): return text.unicodeScalars.map { .string(String($0)) }
        case .undefined: return []
        default: throw ValueError("\(value.kind) is not a sequence")
        }
    }

    private static func length(_ value: Value) throws(ValueError) -> Int {
        switch value {
        case .list(let elements): return elements.count
        case .mapping(let members): return members.count
        case .string(let text): return text.unicodeScalars.count
        case .undefined: return 0
        default: throw ValueError("\(value.kind) has no length")
        }
    }

    static func joined(_ values: Value, by separator: String) throws(ValueError) -> String {
        let parts = try elements(of: values).map(\.text)
        let size = parts.reduce(0) { $0 + $1.utf8.count + separator.utf8.count }
        guard size <= Operators.maximumLength else {
            throw ValueError("a string of more than \(Operators.maximumLength) bytes", .limit)
        }
        return parts.joined(separator: separator)
    }

    private static func ordered(_ value: Value, _ arguments: CallArguments) throws(ValueError) -> Value {
        switch arguments.name {
        case "dictsort":
            try arguments.check([])
            guard case .mapping(let members) = value else { throw ValueError("'dictsort' needs a mapping") }
            let sorted = try sorted(members.map { .list([.string($0.key), $0.value]) }) { element in
                if case .list(let pair) = element { .string(pair[0].text.lowercased()) } else { element }
            }
            return .list(sorted)
        case "sum":
            try arguments.check(["attribute"])
            let attribute = try arguments.string(0, "attribute")
            var total = Value.integer(0)
            for element in try elements(of: value) {
                total = try Operators.binary("+", total, attribute.map { element.path($0) } ?? element)
            }
            return total
        case "unique":
            try arguments.check([])
            var kept: [Value] = []
            for element in try elements(of: value) where !kept.contains(where: { folded($0).equals(folded(element)) }) {
                kept.append(element)
            }
            return .list(kept)
        case "min", "max":
            try arguments.check([])
            let sorted = try sorted(elements(of: value), by: folded)
            return (arguments.name == "min" ? sorted.first : sorted.last) ?? .undefined(arguments.name)
        default:
            try arguments.check(["reverse", "case_sensitive", "attribute"])
            let attribute = try arguments.string(2, "attribute")
            let isCaseSensitive = arguments[1, "case_sensitive"]?.isTrue ?? false
            let sorted = try sorted(elements(of: value)) { element in
                let key = attribute.map { element.path($0) } ?? element
                return isCaseSensitive ? key : folded(key)
            }
            return .list(arguments[0, "reverse"]?.isTrue ?? false ? sorted.reversed() : sorted)
        }
    }

    private static func folded(_ value: Value) -> Value {
        if case .string(let text) = value { .string(text.lowercased()) } else { value }
    }

    /// A stable sort by insertion into sorted halves; the comparison can fail.
    private static func sorted(_ values: [Value], by key: (Value) -> Value) throws(ValueError) -> [Value] {
        guard values.count > 1 else { return values }
        let middle = values.count / 2
        var left = try sorted(Array(values[..<middle]), by: key)[...]
        var right = try sorted(Array(values[middle...]), by: key)[...]
        var result: [Value] = []
        while let a = left.first, let b = right.first {
            if try Operators.precedes(key(b), key(a), "sort") {
                result.append(b)
                right.removeFirst()
            } else {
                result.append(a)
                left.removeFirst()
            }
        }
        return result + left + right
    }

    // MARK: Text and numbers

    private static func json(_ value: Value, _ arguments: CallArguments) throws(ValueError) -> Value {
        try arguments.check(["ensure_ascii", "indent", "separators", "sort_keys"])
        if let ascii = arguments[0, "ensure_ascii"], ascii.isTrue {
            throw ValueError("'tojson' with ASCII escapes", .unsupported)
        }
        if let separators = arguments[2, "separators"], separators.isTrue {
            throw ValueError("'tojson' with separators", .unsupported)
        }
        let sortsKeys = arguments[3, "sort_keys"]?.isTrue ?? false
        return .string(try value.json(indent: jsonIndent(arguments), sortsKeys: sortsKeys))
    }

    /// Python takes an indent below zero for line breaks alone.
    private static func jsonIndent(_ arguments: CallArguments) throws(ValueError) -> Int? {
        guard let indent = try arguments.integer(1, "indent") else { return nil }
        guard indent <= 1_000 else { throw ValueError("'tojson' with an indent of \(indent), at most 1000", .limit) }
        return max(indent, 0)
    }

    private static func number(_ value: Value, _ arguments: CallArguments) throws(ValueError) -> Value {
        switch arguments.name {
        case "int":
            try arguments.check(["default"])
            if let number = value.asInteger { return .integer(number) }
            if let number = value.asNumber ?? Double(value.text.trimmedForNumber), abs(number) < 9e18 {
                return .integer(Int(number))
            }
            return arguments[0, "default"] ?? .integer(0)
        case "float":
            try arguments.check(["default"])
            if let number = value.asNumber ?? Double(value.text.trimmedForNumber) { return .number(number) }
            return arguments[0, "default"] ?? .number(0)
        case "abs":
            if let number = value.asInteger, number != Int.min { return .integer(abs(number)) }
            guard let number = value.asNumber else { throw ValueError("'abs' does not fit \(value.kind)") }
            return .number(abs(number))
        default:
            try arguments.check(["precision"])
            guard let number = value.asNumber else { throw ValueError("'round' does not fit \(value.kind)") }
            let digits = min(max(try arguments.integer(0, "precision") ?? 0, -300), 300)
            var factor = 1.0
            for _ in 0..<abs(digits) { factor *= 10 }
            if digits < 0 { return .number((number / factor).rounded(.toNearestOrEven) * factor) }
            return .number((number * factor).rounded(.toNearestOrEven) / factor)
        }
    }

    private static func indented(_ text: String, _ arguments: CallArguments) throws(ValueError) -> Value {
        try arguments.check(["width", "first", "blank"])
        var width = String(repeating: " ", count: 4)
        if case .string(let given)? = arguments[0, "width"] {
            width = given
        } else if let count = try arguments.integer(0, "width") {
            width = String(repeating: " ", count: min(max(count, 0), 1_000))
        }
        let indentsFirst = arguments[1, "first"]?.isTrue ?? false
        let indentsBlank = arguments[2, "blank"]?.isTrue ?? false
        let lines = StringSearch.split(text, "\n", maximum: -1, fromRight: false)
        let indented = lines.enumerated().map { index, line in
            (index == 0 ? indentsFirst : indentsBlank || !line.isEmpty) ? width + line : line
        }
        return .string(indented.joined(separator: "\n"))
    }
}

extension Value {
    /// A member by a path such as `function.name`, as the `attribute` argument of filters gives it.
    func path(_ path: String) -> Value {
        path.split(separator: ".").reduce(self) { value, part in
            if let index = Int(part), case .list(let elements) = value {
                return elements.indices.contains(index) ? elements[index] : .undefined(path)
            }
            return value.item(named: String(part)) ?? .undefined(path)
        }
    }

    /// The member of a mapping, namespace or loop with a name, or nil.
    func item(named name: String) -> Value? {
        switch self {
        case .mapping(let members): Value.member(name, of: members)
        case .namespace(let namespace): Value.member(name, of: namespace.members)
        case .loop(let state): state.member(name)
        default: nil
        }
    }
}

extension String {
    fileprivate var trimmedForNumber: String { StringSearch.stripped(self, nil, left: true, right: true) }
}
