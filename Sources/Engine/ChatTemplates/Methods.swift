/// The methods of strings, mappings and lists.
enum Methods {
    private static let ofStrings: Set<String> = [
        "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "startswith", "endswith", "upper", "lower",
        "title", "capitalize", "replace", "find", "rfind", "index", "count", "join", "isdigit", "isalpha", "isalnum",
        "isspace", "isupper", "islower", "removeprefix", "removesuffix",
    ]

    /// Whether a value has a method.
    static func has(_ value: Value, _ name: String) -> Bool {
        switch value {
        case .string: ofStrings.contains(name)
        case .mapping: ["items", "keys", "values", "get"].contains(name)
        case .list: ["index", "count"].contains(name)
        default: false
        }
    }

    static func call(_ value: Value, _ arguments: CallArguments) throws(ValueError) -> Value {
        switch value {
        case .string(let text): return try string(text, arguments)
        case .mapping(let members): return try mapping(members, arguments)
        case .list(let elements): return try list(elements, arguments)
        case .loop(let state):
            guard !arguments.positional.isEmpty else { throw ValueError("'cycle' needs values") }
            return arguments.positional[state.index % arguments.positional.count]
        default: throw ValueError("\(value.kind) has no method '\(arguments.name)'")
        }
    }

    private static func mapping(
        _ members: [(key: String, value: Value)], _ arguments: CallArguments
    ) throws(ValueError) -> Value {
        switch arguments.name {
        case "items": return .list(members.map { .list([.string($0.key), $0.value]) })
        case "keys": return .list(members.map { .string($0.key) })
        case "values": return .list(members.map(\.value))
        default:
            try arguments.check(["key", "default"])
            let key = try arguments.requiredString(0, "key")
            return Value.member(key, of: members) ?? arguments[1, "default"] ?? .none
        }
    }

    private static func list(_ elements: [Value], _ arguments: CallArguments) throws(ValueError) -> Value {
        try arguments.check(["value"])
        guard let value = arguments[0, "value"] else { throw ValueError("'\(arguments.name)' needs a value") }
        if arguments.name == "count" { return .integer(elements.count { $0.equals(value) }) }
        guard let index = elements.firstIndex(where: { $0.equals(value) }) else {
            throw ValueError("the list does not have the value")
        }
        return .integer(index)
    }

    private static func string(_ text: String, _ arguments: CallArguments) throws(ValueError) -> Value {
        switch arguments.name {
        case "strip", "lstrip", "rstrip":
            try arguments.check(["chars"])
            return .string(
                StringSearch.stripped(
                    text, try arguments.string(0, "chars"), left: arguments.name != "rstrip",
                    right: arguments.name != "lstrip"))
        case "split", "rsplit": return try split(text, arguments)
        case "splitlines":
            try arguments.check([])
            return .list(lines(text).map(Value.string))
        case "startswith", "endswith": return try hasAffix(text, arguments)
        case "upper": return .string(text.uppercased())
        case "lower": return .string(text.lowercased())
        case "title": return .string(titled(text))
        case "capitalize": return .string(capitalized(text))
        case "replace":
            try arguments.check(["old", "new", "count"])
            return .string(
                StringSearch.replaced(
                    text, try arguments.requiredString(0, "old"), try arguments.requiredString(1, "new"),
                    count: try arguments.integer(2, "count") ?? -1))
        case "find": return .integer(StringSearch.first(try arguments.requiredString(0, "sub"), in: text) ?? -1)
        case "rfind": return .integer(StringSearch.last(try arguments.requiredString(0, "sub"), in: text) ?? -1)
        case "index":
            guard let index = StringSearch.first(try arguments.requiredString(0, "sub"), in: text) else {
                throw ValueError("the string does not have the part")
            }
            return .integer(index)
        case "count":
            let part = try arguments.requiredString(0, "sub")
            return .integer(StringSearch.split(text, part, maximum: -1, fromRight: false).count - 1)
        case "join":
            guard let values = arguments[0, "iterable"] else { throw ValueError("'join' needs a list") }
            return .string(try Filters.joined(values, by: text))
        case "removeprefix":
            let prefix = try arguments.requiredString(0, "prefix")
            return .string(hasPrefix(text, prefix) ? decoding(text.utf8.dropFirst(prefix.utf8.count)) : text)
        case "removesuffix":
            let suffix = try arguments.requiredString(0, "suffix")
            return .string(hasSuffix(text, suffix) ? decoding(text.utf8.dropLast(suffix.utf8.count)) : text)
        default: return .boolean(isMade(text, of: arguments.name))
        }
    }

    private static func split(_ text: String, _ arguments: CallArguments) throws(ValueError) -> Value {
        try arguments.check(["sep", "maxsplit"])
        let separator = try arguments.string(0, "sep")
        if separator?.isEmpty == true { throw ValueError("an empty separator") }
        let parts = StringSearch.split(
            text, separator, maximum: try arguments.integer(1, "maxsplit") ?? -1,
            fromRight: arguments.name == "rsplit")
        return .list(parts.map(Value.string))
    }

    private static func hasAffix(_ text: String, _ arguments: CallArguments) throws(ValueError) -> Value {
        try arguments.check(["affix"])
        let affixes: [Value] =
            if case .list(let list)? = arguments[0, "affix"] { list } else { arguments.positional }
        for affix in affixes {
            guard case .string(let part) = affix else { throw ValueError("'\(arguments.name)' takes strings") }
            if arguments.name == "startswith" ? hasPrefix(text, part) : hasSuffix(text, part) { return .boolean(true) }
        }
        return .boolean(false)
    }

    private static func hasPrefix(_ text: String, _ part: String) -> Bool { text.utf8.starts(with: part.utf8) }

    private static func hasSuffix(_ text: String, _ part: String) -> Bool {
        text.utf8.count >= part.utf8.count && text.utf8.suffix(part.utf8.count).elementsEqual(part.utf8)
    }

    private static func decoding(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    private static func lines(_ text: String) -> [String] {
        var lines: [String] = []
        var line = String.UnicodeScalarView()
        var last: Unicode.Scalar?
        for scalar in text.unicodeScalars {
            if scalar == "\n" && last == "\r" {
            } else if scalar == "\n" || scalar == "\r" {
                lines.append(String(line))
                line = String.UnicodeScalarView()
            } else {
                line.append(scalar)
            }
            last = scalar
        }
        if !line.isEmpty { lines.append(String(line)) }
        return lines
    }

    static func capitalized(_ text: String) -> String {
        guard let first = text.unicodeScalars.first else { return text }
        return first.properties.titlecaseMapping + StringSearch.string(text.unicodeScalars.dropFirst()).lowercased()
    }

    static func titled(_ text: String) -> String {
        var result = ""
        var isInWord = false
        for scalar in text.unicodeScalars {
            result += isInWord ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
            isInWord = scalar.properties.isAlphabetic
        }
        return result
    }

    private static func isMade(_ text: String, of name: String) -> Bool {
        let scalars = text.unicodeScalars
        guard !scalars.isEmpty else { return false }
        switch name {
        case "isdigit": return scalars.allSatisfy { [.decimal, .digit].contains($0.properties.numericType) }
        case "isalpha": return scalars.allSatisfy(\.properties.isAlphabetic)
        case "isalnum": return scalars.allSatisfy { $0.properties.isAlphabetic || $0.properties.numericType != nil }
        case "isspace": return scalars.allSatisfy(StringSearch.isSpace)
        case "isupper": return scalars.contains(where: \.properties.isUppercase) && text == text.uppercased()
        default: return scalars.contains(where: \.properties.isLowercase) && text == text.lowercased()
        }
    }
}
