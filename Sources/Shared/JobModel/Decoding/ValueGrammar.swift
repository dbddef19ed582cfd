/// How one kind of value is read from a document and written back.
struct ValueGrammar<Value: Sendable>: Sendable {
    /// What it takes, as it stands after "expected".
    let type: String
    /// Nil after an error was reported.
    let parse: @Sendable (SpecNode, _ path: String, inout SpecReader) -> Value?
    let write: @Sendable (Value) -> CanonicalValue

    /// A grammar of single words and numbers. `read` gets the text and whether it was written without quotes.
    init(
        _ type: String, read: @escaping @Sendable (_ text: String, _ isPlain: Bool) -> Value?,
        write: @escaping @Sendable (Value) -> CanonicalValue
    ) {
        self.type = type
        self.write = write
        parse = { node, path, reader in
            if case .scalar(let text, let isPlain) = node.content, node.found != "nothing",
                let value = read(text, isPlain)
            {
                return value
            }
            reader.report(node, path, expected: type)
            return nil
        }
    }

    init(
        type: String, parse: @escaping @Sendable (SpecNode, String, inout SpecReader) -> Value?,
        write: @escaping @Sendable (Value) -> CanonicalValue
    ) {
        self.type = type
        self.parse = parse
        self.write = write
    }
}

/// Allowed numbers.
struct NumberRange: Sendable {
    enum Bound: Sendable {
        case including(Double)
        case excluding(Double)
    }

    let lower: Bound
    let upper: Bound?

    static let positive = NumberRange(lower: .excluding(0), upper: nil)
    static let notNegative = NumberRange(lower: .including(0), upper: nil)
    static let share = NumberRange(lower: .including(0), upper: .including(1))
    static let belowOne = NumberRange(lower: .including(0), upper: .excluding(1))
    static let positiveShare = NumberRange(lower: .excluding(0), upper: .including(1))

    func contains(_ value: Double) -> Bool {
        let isAbove =
            switch lower {
            case .including(let bound): value >= bound
            case .excluding(let bound): value > bound
            }
        let isBelow =
            switch upper {
            case .including(let bound)?: value <= bound
            case .excluding(let bound)?: value < bound
            case nil: true
            }
        return isAbove && isBelow
    }

    var words: String {
        let from =
            switch lower {
            case .including(let bound): "of at least \(CanonicalValue.number(bound).inline)"
            case .excluding(let bound): "above \(CanonicalValue.number(bound).inline)"
            }
        switch upper {
        case .including(let bound)?: return "\(from) and at most \(CanonicalValue.number(bound).inline)"
        case .excluding(let bound)?: return "\(from) and below \(CanonicalValue.number(bound).inline)"
        case nil: return from
        }
    }
}

extension ValueGrammar where Value == Int64 {
    /// A whole number in `range`; `words` says what the range is.
    static func integer64(_ range: ClosedRange<Int64>, words: String) -> ValueGrammar {
        ValueGrammar("a whole number \(words)") { text, isPlain in
            guard isPlain, NumberSpelling(text)?.isWhole == true, let value = Int64(text) else {
                return nil
            }
            return range.contains(value) ? value : nil
        } write: {
            .integer($0)
        }
    }

    /// A key of random numbers.
    static var seed: ValueGrammar { integer64(0...Int64.max, words: "of at least 0") }
}

extension ValueGrammar where Value == Int {
    static func integer(_ range: ClosedRange<Int>) -> ValueGrammar {
        narrowed(
            range, words: range.count == 1 ? "\(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)")
    }

    /// At least `minimum`; the upper bound only keeps products of sizes within 64 bits.
    static func count(atLeast minimum: Int = 1) -> ValueGrammar {
        narrowed(minimum...Int(Int32.max), words: "of at least \(minimum)")
    }

    private static func narrowed(_ range: ClosedRange<Int>, words: String) -> ValueGrammar {
        let wide = ValueGrammar<Int64>.integer64(Int64(range.lowerBound)...Int64(range.upperBound), words: words)
        return ValueGrammar(type: wide.type) { node, path, reader in
            wide.parse(node, path, &reader).map { Int($0) }
        } write: {
            .integer(Int64($0))
        }
    }
}

extension ValueGrammar where Value == Double {
    static func number(_ range: NumberRange) -> ValueGrammar {
        ValueGrammar("a number \(range.words)") { text, isPlain in
            guard isPlain, let value = NumberText.number(text) else { return nil }
            return range.contains(value) ? value : nil
        } write: {
            .number($0)
        }
    }
}

/// The grammar of numbers. The parser's own would read `010` as 8 and `1:30` as 90.
enum NumberText {
    /// A finite number, with or without a point and an exponent; nil if the text is none.
    static func number(_ text: String) -> Double? {
        guard NumberSpelling(text) != nil,
            let value = Double(text), value.isFinite
        else { return nil }
        return value
    }
}

extension ValueGrammar where Value == Bool {
    static var flag: ValueGrammar {
        ValueGrammar("true or false") { text, isPlain in
            switch text {
            case "true" where isPlain: true
            case "false" where isPlain: false
            default: nil
            }
        } write: {
            .flag($0)
        }
    }
}

extension ValueGrammar where Value == Milliseconds {
    static var duration: ValueGrammar {
        ValueGrammar("a duration above 0 such as 90s, 10min or 36h") { text, _ in
            Milliseconds(text).flatMap { $0.value > 0 ? $0 : nil }
        } write: {
            .text($0.description)
        }
    }
}

extension ValueGrammar where Value == Timestamp {
    static var moment: ValueGrammar {
        ValueGrammar("an RFC 3339 time such as 2026-01-31T18:00:00Z") { text, _ in
            Timestamp(rfc3339: text)
        } write: {
            .text($0.description)
        }
    }
}

extension ValueGrammar where Value == ByteReservation {
    static var reservation: ValueGrammar {
        ValueGrammar("auto, or a size such as 12GiB") { text, _ in
            if text == "auto" { return .automatic }
            return ByteSize(text).flatMap { $0.bytes > 0 ? .bytes($0.bytes) : nil }
        } write: { reservation in
            switch reservation {
            case .automatic: .text("auto")
            case .bytes(let bytes): .text("\(bytes)B")
            }
        }
    }
}
