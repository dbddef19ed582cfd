import JSON
import Testing

@Suite("What is not JSON")
struct RefusalTests {
    private func fault(_ bytes: [UInt8], limits: JSONScanner.Limits = .init()) -> JSONError? {
        do throws(JSONError) {
            _ = try bytes.withUnsafeBufferPointer { (buffer) throws(JSONError) in try JSONValue(buffer, limits: limits) }
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "Each fault is named with its place",
        arguments: [
            ("", 0, "the end of the text", "a JSON value"), ("  ", 2, "the end of the text", "a JSON value"),
            ("[1", 2, "the end of the text", "end of the array"), ("{\"a\":1", 6, "the end", "end of the object"),
            ("1 x", 2, "'x'", "the end of the text"), ("{}{}", 2, "'{'", "the end of the text"),
            ("[1,]", 3, "']'", "a JSON value"), ("{\"a\":1,}", 7, "'}'", "a string"), ("{a:1}", 1, "'a'", "a string"),
            ("{\"a\" 1}", 5, "'1'", "a colon"), ("[1 2]", 3, "'2'", "a comma"), ("{'a':1}", 1, "'''", "a string"),
            ("nul", 0, "a misspelt word", "null"), ("True", 0, "'T'", "a JSON value"), ("NaN", 0, "'N'", "a JSON value"),
            ("-", 0, "'-'", "a JSON value"), ("+1", 0, "'+'", "a JSON value"), (".5", 0, "'.'", "a JSON value"),
            ("01", 0, "begins with 0", "a JSON value"), ("-01", 0, "begins with 0", "a JSON value"),
            ("1.", 2, "the end of the text", "after the point"), ("1.e5", 2, "'e'", "after the point"),
            ("1e", 2, "the end of the text", "of the exponent"), ("1e+x", 3, "'x'", "of the exponent"),
            ("1e309", 0, "1e309, which is out of range", "a number up to"), ("-1e999", 0, "out of range", "a number"),
            ("0x10", 1, "'x'", "the end of the text"), ("Infinity", 0, "'I'", "a JSON value"),
            ("\"", 1, "the end of the text inside a string", "closing"), ("\"a\nb\"", 2, "a control character", "escape"),
            ("\"\\", 2, "the end of the text", "an escape"), ("\"\\x\"", 1, "\\ with 'x'", "a JSON escape"),
            ("\"\\u12\"", 5, "something else", "four hexadecimal"), ("\"\\u12g4\"", 5, "something else", "hexadecimal"),
            ("\"\\ud800\"", 1, "half of a surrogate pair", "escapes"), ("\"\\udc00\"", 1, "half of a", "escapes"),
            ("\"\\ud800\\ud800\"", 1, "half of a surrogate pair", "escapes"), ("\"\\ud800x\"", 1, "half", "escapes"),
            ("{\"a\":1,\"a\":2}", 11, "the key \"a\" a second time", "every key once"),
            ("{\"a\":1,\"\\u0061\":2}", 16, "the key \"a\" a second time", "every key once"),
            ("// no\n1", 0, "'/'", "a JSON value"), ("[\u{A0}1]", 1, "the byte 194", "a JSON value"),
        ])
    func faults(text: String, offset: Int, found: String, expected: String) throws {
        let error = try #require(fault(Array(text.utf8)), "\(text)")
        #expect(error.offset == offset && error.found.contains(found) && error.expected.contains(expected), "\(error)")
        #expect(error.line == (text.utf8.prefix(offset).contains(10) ? 2 : 1))
    }

    @Test("Line and byte of the line are counted from 1")
    func place() throws {
        let error = try #require(fault(Array("{\n  \"é\": 1,\n  \"b\": x\n}".utf8)))
        #expect(error.line == 3 && error.column == 8 && error.offset == 20, "\(error)")
        #expect("\(error)" == "line 3, byte 8: found 'x', expected a JSON value")
    }

    @Test(
        "Bytes that are not UTF-8 are refused where they stand",
        arguments: [
            [0xFF], [0xC0, 0x80], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF8], [0x80],
        ] as [[UInt8]])
    func encoding(bytes: [UInt8]) throws {
        for place in [3, 40, 5_000] {
            let start = Array("[\"".utf8) + [UInt8](repeating: UInt8(ascii: "a"), count: place - 2)
            let error = try #require(fault(start + bytes + Array("\"]".utf8)))
            #expect(error.offset == place && error.found == "a byte that is not UTF-8", "\(error)")
        }
    }

    @Test("A key that comes twice is found among few and among many", arguments: [2, 16, 17, 18, 1_000])
    func duplicates(count: Int) throws {
        let members = (0..<count).map { "\"k\($0)\":0" }
        for second in [0, count / 2, count - 1] {
            #expect(fault(Array("{\(members.joined(separator: ","))}".utf8)) == nil)
            let twice = members + ["\"k\(second)\":0"]
            let error = try #require(fault(Array("{\(twice.joined(separator: ","))}".utf8)))
            #expect(error.found == "the key \"k\(second)\" a second time")
        }
    }

    @Test("Nesting is limited, and as deep as the limit is allowed", arguments: [("[", "]"), ("{\"a\":", "}")])
    func depth(open: String, close: String) throws {
        func nested(_ count: Int) -> [UInt8] {
            Array((String(repeating: open, count: count) + "1" + String(repeating: close, count: count)).utf8)
        }
        let limit = JSONScanner.Limits().depth
        #expect(fault(nested(limit)) == nil)
        #expect(try #require(fault(nested(limit + 1))).found == "deeper nesting")
        #expect(try #require(fault(nested(1_000_000))).expected == "at most \(limit) levels")
    }

    @Test("The number of values is limited")
    func values() throws {
        var limits = JSONScanner.Limits()
        limits.values = 10
        #expect(fault(Array("[1,2,3,4,5,6,7,8,9]".utf8), limits: limits) == nil)
        #expect(try #require(fault(Array("[1,2,3,4,5,6,7,8,9,10]".utf8), limits: limits)).found == "more values")
    }

    @Test("Whole numbers of a range", arguments: ["-1", "8", "1.5", "1.0", "99999999999999999999", "\"1\"", "null", "1e1", ""])
    func ranges(text: String) {
        let bytes = Array(text.utf8)
        #expect(throws: JSONError.self) {
            try bytes.withUnsafeBufferPointer { (buffer) throws(JSONError) in
                var scanner = try JSONScanner(buffer)
                return try scanner.integer(in: 0...7)
            }
        }
    }

    @Test("Every beginning of a text is refused, and what follows it too")
    func beginnings() {
        let text = Array(#"{"a": [1, -2.5e3, true, null, "x\u00e9\n"], "b": {"c": "d"}}"#.utf8)
        for count in 0..<text.count { #expect(fault(Array(text[..<count])) != nil, "\(count)") }
        for byte in UInt8.min...UInt8.max where ![0x20, 0x09, 0x0A, 0x0D].contains(byte) {
            #expect(fault(text + [byte]) != nil, "\(byte)")
        }
    }
}
