import JSON
import SeededRandom
import Testing

@Suite("JSON as it stands")
struct ScannerTests {
    private func read(_ text: String) throws(JSONError) -> JSONValue { try JSONValue(Array(text.utf8)) }

    @Test(
        "Each sort of value",
        arguments: [
            ("null", .null), (" true\n", .bool(true)), ("\tfalse\r", .bool(false)), ("\"\"", .string("")),
            ("[]", .array([])), ("{}", .object([:])), ("[ 1 , [ ] ]", .array([.integer(1), .array([])])),
            (#"{"b": 1, "a": {"b": null}}"#, .object(["b": .integer(1), "a": .object(["b": .null])])),
            ("\u{FEFF}1", .integer(1)),
        ] as [(String, JSONValue)])
    func values(text: String, expected: JSONValue) throws {
        #expect(try read(text) == expected)
    }

    @Test(
        "Numbers are integers where they are written as such and fit",
        arguments: [
            ("0", .integer(0)), ("-0", .integer(0)), ("-12", .integer(-12)), ("1.0", .number(1)), ("1e2", .number(100)),
            ("-2.5E-1", .number(-0.25)), ("0.1", .number(0.1)), ("1.5e+3", .number(1500)),
            ("999999999999999999", .integer(999_999_999_999_999_999)),
            ("1000000000000000000", .integer(1_000_000_000_000_000_000)),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
            ("9223372036854775808", .number(9_223_372_036_854_775_808)),
            ("1000000000000000019884624838656", .number(1e30)), ("1e-400", .number(0)),
        ] as [(String, JSONValue)])
    func numbers(text: String, expected: JSONValue) throws {
        #expect(try read(text) == expected)
    }

    @Test(
        "Strings with escapes and characters of every length",
        arguments: [
            (#""plain""#, "plain"), (#""a\"b\\c\/d""#, "a\"b\\c/d"), (#""\b\f\n\r\t""#, "\u{8}\u{C}\n\r\t"),
            (#""\u0000\u0041\u00e9\u20AC""#, "\u{0}Aé€"), (#""\ud83d\ude00x""#, "😀x"), ("\"é€😀\u{7F}\"", "é€😀\u{7F}"),
            (#""\uFFFF\ue000""#, "\u{FFFF}\u{E000}"),
        ])
    func strings(text: String, expected: String) throws {
        guard case .string(let found) = try read(text) else {
            Issue.record("no string")
            return
        }
        #expect(Array(found.utf8) == Array(expected.utf8))
    }

    @Test("Members keep the order of the text; keys are told apart by their bytes")
    func order() throws {
        guard case .object(let members) = try read("{\"z\":1,\"a\":2,\"\u{E9}\":3,\"e\u{301}\":4}") else {
            Issue.record("no object")
            return
        }
        #expect(members.keys == ["z", "a", "\u{E9}", "e\u{301}"])
        #expect(members["\u{E9}"] == .integer(3) && members["e\u{301}"] == .integer(4) && members["b"] == nil)
    }

    @Test("Members can be replaced, added and removed")
    func changes() {
        var object: JSONObject = ["a": .null, "b": .integer(1)]
        object["a"] = .integer(2)
        object["c"] = .bool(true)
        object["b"] = nil
        object["d"] = nil
        #expect(object == ["c": .bool(true), "a": .integer(2)])
        #expect(object != ["c": .bool(true), "a": .integer(3)] && object != ["a": .integer(2)])
        #expect(object.keys == ["a", "c"])
    }

    @Test("Tables and arrays are handed out one entry at a time")
    func streaming() throws {
        let text = Array(#"{"vocab":{"a":0,"\u00e9":7},"merges":[["a","b"],["c"]],"rest":[1,{"x":2}]}"#.utf8)
        var entries: [String] = []
        try text.withUnsafeBufferPointer { (bytes) throws(JSONError) in
            var scanner = try JSONScanner(bytes)
            try scanner.object { (scanner, key) throws(JSONError) in
                switch String(decoding: key, as: UTF8.self) {
                case "vocab":
                    try scanner.table { (scanner, key) throws(JSONError) in
                        entries.append("\(String(decoding: key, as: UTF8.self))=\(try scanner.integer(in: 0...7))")
                    }
                case "merges":
                    try scanner.array { (scanner) throws(JSONError) in
                        var parts: [String] = []
                        try scanner.array { (scanner) throws(JSONError) in parts.append(try scanner.string()) }
                        entries.append(parts.joined(separator: "+"))
                    }
                default: entries.append("\(try scanner.value() == .array([.integer(1), .object(["x": .integer(2)])]))")
                }
            }
            try scanner.end()
        }
        #expect(entries == ["a=0", "é=7", "a+b", "c", "true"])
    }

    @Test("What is written reads back the same")
    func roundTrip() throws {
        var random = SplitMix64(7)
        for _ in 0..<300 {
            let value = Self.random(&random, depth: 0)
            #expect(try read(value.text) == value, "\(value.text)")
        }
    }

    private static func random(_ random: inout SplitMix64, depth: Int) -> JSONValue {
        switch random.below(depth < 4 ? 7 : 5) {
        case 0: return .null
        case 1: return .bool(random.below(2) == 0)
        case 2: return .integer(Int(truncatingIfNeeded: random.next()) >> random.below(64))
        case 3: return .number(Double(random.next() >> 11) * 0x1p-70)
        case 4: return .string(text(&random))
        case 5: return .array((0..<random.below(4)).map { _ in Self.random(&random, depth: depth + 1) })
        default:
            var object = JSONObject()
            for _ in 0..<random.below(40) { object[text(&random)] = Self.random(&random, depth: depth + 1) }
            return .object(object)
        }
    }

    private static func text(_ random: inout SplitMix64) -> String {
        let scalars: [Unicode.Scalar] = ["a", "\"", "\\", "\n", "\u{0}", "\u{7F}", "é", "\u{301}", "€", "😀", "/", "\u{2028}"]
        var text = ""
        for _ in 0..<random.below(6) { text.unicodeScalars.append(scalars[random.below(scalars.count)]) }
        return text
    }
}
