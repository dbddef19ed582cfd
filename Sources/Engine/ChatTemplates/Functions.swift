import Foundation

/// The functions every template has.
enum Functions {
    static let names = ["raise_exception", "strftime_now", "namespace", "range", "dict"]

    /// As in Jinja's sandbox.
    static let maximumRange = 100_000

    static func call(_ arguments: CallArguments, now: Date) throws(ValueError) -> Value {
        switch arguments.name {
        case "raise_exception":
            try arguments.check(["message"])
            throw ValueError(arguments[0, "message"]?.text ?? "", .raised)
        case "strftime_now":
            try arguments.check(["format"])
            return .string(try DateText.text(of: now, try arguments.requiredString(0, "format")))
        case "namespace": return .namespace(Namespace(try members(arguments)))
        case "dict": return .mapping(try members(arguments))
        case "range": return try range(arguments)
        default: throw ValueError("the function '\(arguments.name)'", .unsupported)
        }
    }

    private static func members(_ arguments: CallArguments) throws(ValueError) -> [(key: String, value: Value)] {
        var members: [(key: String, value: Value)] = []
        if let first = arguments.positional.first {
            guard case .mapping(let given) = first, arguments.positional.count == 1 else {
                throw ValueError("'\(arguments.name)' takes a mapping or named values")
            }
            members = given
        }
        for (name, value) in arguments.named {
            members.removeAll { $0.key == name }
            members.append((name, value))
        }
        return members
    }

    private static func range(_ arguments: CallArguments) throws(ValueError) -> Value {
        try arguments.check(["start", "stop", "step"])
        var numbers: [Int] = []
        for value in arguments.positional {
            guard let number = value.asInteger else { throw ValueError("'range' takes integers") }
            numbers.append(number)
        }
        guard let last = numbers.last else { throw ValueError("'range' needs a number") }
        let start = numbers.count > 1 ? numbers[0] : 0
        let stop = numbers.count > 1 ? numbers[1] : last
        let step = numbers.count > 2 ? numbers[2] : 1
        guard step != 0 else { throw ValueError("a range with steps of zero") }
        var values: [Value] = []
        var current = start
        while step > 0 ? current < stop : current > stop {
            guard values.count < maximumRange else {
                throw ValueError("a range of more than \(maximumRange) numbers", .limit)
            }
            values.append(.integer(current))
            let (next, overflows) = current.addingReportingOverflow(step)
            if overflows { break }
            current = next
        }
        return .list(values)
    }
}

/// Dates as C's `strftime` writes them in English.
enum DateText {
    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    private static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

    static func text(of date: Date, _ format: String) throws(ValueError) -> String {
        let parts = Calendar(identifier: .gregorian).dateComponents(
            [.year, .month, .day, .weekday, .hour, .minute, .second], from: date)
        var result = ""
        var isDirective = false
        for character in format.unicodeScalars {
            if isDirective {
                result += try directive(character, parts)
                isDirective = false
            } else if character == "%" {
                isDirective = true
            } else {
                result.unicodeScalars.append(character)
            }
        }
        return result
    }

    private static func directive(_ letter: Unicode.Scalar, _ parts: DateComponents) throws(ValueError) -> String {
        let (year, month, day) = (parts.year ?? 0, parts.month ?? 1, parts.day ?? 1)
        let (hour, minute, second) = (parts.hour ?? 0, parts.minute ?? 0, parts.second ?? 0)
        let weekday = days[((parts.weekday ?? 1) - 1) % 7]
        func two(_ number: Int) -> String { (number < 10 ? "0" : "") + String(number) }
        switch letter {
        case "Y": return String(year)
        case "y": return two(year % 100)
        case "m": return two(month)
        case "d": return two(day)
        case "B": return months[(month - 1) % 12]
        case "b", "h": return String(months[(month - 1) % 12].prefix(3))
        case "A": return weekday
        case "a": return String(weekday.prefix(3))
        case "H": return two(hour)
        case "I": return two((hour + 11) % 12 + 1)
        case "M": return two(minute)
        case "S": return two(second)
        case "p": return hour < 12 ? "AM" : "PM"
        case "F": return "\(year)-\(two(month))-\(two(day))"
        case "T": return "\(two(hour)):\(two(minute)):\(two(second))"
        case "%": return "%"
        default: throw ValueError("the date directive '%\(letter)'", .unsupported)
        }
    }
}
