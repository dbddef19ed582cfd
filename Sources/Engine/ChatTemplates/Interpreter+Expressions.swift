/// The values of expressions.
extension Interpreter {
    func evaluate(_ expression: Expression, _ scope: Scope) throws(ChatTemplateError) -> Value {
        let line = expression.line
        try step(line)
        switch expression.node {
        case .literal(let literal): return Self.value(of: literal)
        case .name(let name): return scope.find(name) ?? .undefined(name)
        case .list(let elements): return try charged(.list(try all(elements, scope)), line)
        case .mapping(let members): return try charged(try mapping(members, scope), line)
        case .attribute(let base, let name): return try attribute(name, of: evaluate(base, scope), line)
        case .item(let base, let index): return try item(evaluate(index, scope), of: evaluate(base, scope), line)
        case .slice(let base, let start, let stop, let step):
            return try slice(evaluate(base, scope), [start, stop, step], scope, line)
        case .call(let function, let arguments): return try call(evaluate(function, scope), arguments, scope, line)
        case .filter(let base, let name, let arguments):
            return try apply(name, to: evaluate(base, scope), arguments, scope, line)
        case .test(let base, let name, let operands, let isNegated):
            let (value, operands) = (try evaluate(base, scope), try all(operands, scope))
            return try at(line) { () throws(ValueError) in
                .boolean(try ValueTests.holds(name, value, operands) != isNegated)
            }
        case .unary(let symbol, let operand):
            let value = try evaluate(operand, scope)
            return try at(line) { () throws(ValueError) in try Operators.unary(symbol, value) }
        case .binary(let symbol, let left, let right):
            let (a, b) = (try evaluate(left, scope), try evaluate(right, scope))
            return try charged(at(line) { () throws(ValueError) in try Operators.binary(symbol, a, b) }, line)
        case .comparison(let first, let chain): return try comparison(first, chain, scope, line)
        case .and(let left, let right):
            let value = try evaluate(left, scope)
            return value.isTrue ? try evaluate(right, scope) : value
        case .or(let left, let right):
            let value = try evaluate(left, scope)
            return value.isTrue ? value : try evaluate(right, scope)
        case .conditional(let condition, let then, let otherwise):
            if try evaluate(condition, scope).isTrue { return try evaluate(then, scope) }
            guard let otherwise else { return .undefined("the value without an else") }
            return try evaluate(otherwise, scope)
        }
    }

    private static func value(of literal: Expression.Literal) -> Value {
        switch literal {
        case .none: .none
        case .boolean(let flag): .boolean(flag)
        case .integer(let number): .integer(number)
        case .number(let number): .number(number)
        case .string(let text): .string(text)
        }
    }

    private func all(_ expressions: [Expression], _ scope: Scope) throws(ChatTemplateError) -> [Value] {
        var values: [Value] = []
        for expression in expressions { values.append(try evaluate(expression, scope)) }
        return values
    }

    private func mapping(
        _ pairs: [(key: Expression, value: Expression)], _ scope: Scope
    ) throws(ChatTemplateError) -> Value {
        var members: [(key: String, value: Value)] = []
        for pair in pairs {
            guard case .string(let key) = try evaluate(pair.key, scope) else {
                throw ChatTemplateError(.unsupported, line: pair.key.line, "a key that is not a string")
            }
            members.removeAll { $0.key.utf8.elementsEqual(key.utf8) }
            members.append((key, try evaluate(pair.value, scope)))
        }
        return .mapping(members)
    }

    private func comparison(
        _ first: Expression, _ chain: [(operation: String, operand: Expression)], _ scope: Scope, _ line: Int
    ) throws(ChatTemplateError) -> Value {
        var left = try evaluate(first, scope)
        for (operation, operand) in chain {
            let (a, b) = (left, try evaluate(operand, scope))
            guard try at(line, { () throws(ValueError) in try Operators.compare(operation, a, b) }) else {
                return .boolean(false)
            }
            left = b
        }
        return .boolean(true)
    }

    // MARK: Members

    /// `value.name`: methods first, then members.
    private func attribute(_ name: String, of value: Value, _ line: Int) throws(ChatTemplateError) -> Value {
        if case .undefined(let missing) = value {
            throw ChatTemplateError(.evaluation, line: line, "'\(missing)' is undefined: it has no '\(name)'")
        }
        if Methods.has(value, name) { return .method(value, name) }
        return value.item(named: name) ?? .undefined(name)
    }

    /// `value[index]`: members first, then methods.
    private func item(_ index: Value, of value: Value, _ line: Int) throws(ChatTemplateError) -> Value {
        switch (value, index) {
        case (.undefined(let missing), _):
            throw ChatTemplateError(.evaluation, line: line, "'\(missing)' is undefined: it has no members")
        case (.list(let elements), .integer(let number)):
            let position = number < 0 ? number + elements.count : number
            return elements.indices.contains(position) ? elements[position] : .undefined("element \(number)")
        case (.string(let text), .integer(let number)):
            let scalars = Array(text.unicodeScalars)
            let position = number < 0 ? number + scalars.count : number
            return scalars.indices.contains(position)
                ? .string(String(scalars[position])) : .undefined("character \(number)")
        case (_, .string(let name)):
            if let member = value.item(named: name) { return member }
            return Methods.has(value, name) ? .method(value, name) : .undefined(name)
        default: return .undefined("the member \(index.text)")
        }
    }

    private func slice(
        _ value: Value, _ bounds: [Expression?], _ scope: Scope, _ line: Int
    ) throws(ChatTemplateError) -> Value {
        var numbers: [Int?] = []
        for bound in bounds {
            guard let bound else {
                numbers.append(nil)
                continue
            }
            switch try evaluate(bound, scope) {
            case .none: numbers.append(nil)
            case let value:
                guard let number = value.asInteger else {
                    throw ChatTemplateError(.evaluation, line: line, "a slice needs integers, not \(value.kind)")
                }
                numbers.append(number)
            }
        }
        let (start, stop, step) = (numbers[0], numbers[1], numbers[2] ?? 1)
        guard step != 0 else { throw ChatTemplateError(.evaluation, line: line, "a slice with steps of zero") }
        switch value {
        case .list(let elements): return .list(Self.indices(elements.count, start, stop, step).map { elements[$0] })
        case .string(let text):
            let scalars = Array(text.unicodeScalars)
            return .string(StringSearch.string(Self.indices(scalars.count, start, stop, step).map { scalars[$0] }))
        default: throw ChatTemplateError(.evaluation, line: line, "\(value.kind) cannot be sliced")
        }
    }

    /// Python's rules for the bounds of a slice.
    private static func indices(_ count: Int, _ start: Int?, _ stop: Int?, _ step: Int) -> [Int] {
        let (low, high) = step > 0 ? (0, count) : (-1, count - 1)
        func bound(_ value: Int?, _ standard: Int) -> Int {
            guard let value else { return standard }
            return min(max(value < 0 ? value + count : value, low), high)
        }
        let first = bound(start, step > 0 ? low : high)
        let last = bound(stop, step > 0 ? high : low)
        // A step beyond the length takes one element; the cut keeps the arithmetic inside the integers.
        let stride = min(max(step, -count - 1), count + 1)
        return Array(Swift.stride(from: first, to: last, by: stride))
    }

    // MARK: Calls

    private func evaluated(
        _ name: String, _ arguments: Arguments, _ scope: Scope
    ) throws(ChatTemplateError) -> CallArguments {
        var result = CallArguments(name, try all(arguments.positional, scope))
        for argument in arguments.named { result.named.append((argument.name, try evaluate(argument.value, scope))) }
        return result
    }

    private func call(
        _ function: Value, _ arguments: Arguments, _ scope: Scope, _ line: Int
    ) throws(ChatTemplateError) -> Value {
        switch function {
        case .macro(let macro, let home):
            return try call(macro, evaluated(macro.name, arguments, scope), home, line)
        case .function(let name):
            let arguments = try evaluated(name, arguments, scope)
            return try charged(at(line) { () throws(ValueError) in try Functions.call(arguments, now: now) }, line)
        case .method(let value, let name):
            let arguments = try evaluated(name, arguments, scope)
            return try charged(at(line) { () throws(ValueError) in try Methods.call(value, arguments) }, line)
        case .undefined(let name):
            throw ChatTemplateError(.unsupported, line: line, "the function or method '\(name)'")
        default:
            throw ChatTemplateError(.evaluation, line: line, "\(function.kind) cannot be called")
        }
    }

    /// Applies a filter.
    func apply(
        _ name: String, to value: Value, _ arguments: Arguments, _ scope: Scope, _ line: Int
    ) throws(ChatTemplateError) -> Value {
        let arguments = try evaluated(name, arguments, scope)
        switch name {
        case "select", "reject", "selectattr", "rejectattr": return try select(value, arguments, line)
        case "map": return try map(value, arguments, line)
        default:
            return try charged(at(line) { () throws(ValueError) in try Filters.apply(value, arguments) }, line)
        }
    }

    private func select(
        _ value: Value, _ arguments: CallArguments, _ line: Int
    ) throws(ChatTemplateError) -> Value {
        try at(line) { () throws(ValueError) in
            var rest = arguments.positional[...]
            var attribute: String?
            if arguments.name.hasSuffix("attr") {
                guard case .string(let name)? = rest.popFirst() else {
                    throw ValueError("'\(arguments.name)' needs the name of a member")
                }
                attribute = name
            }
            let test = rest.popFirst()?.text
            let keeps = arguments.name.hasPrefix("select")
            var kept: [Value] = []
            for element in try Filters.elements(of: value) {
                let subject = attribute.map { element.path($0) } ?? element
                let holds = if let test { try ValueTests.holds(test, subject, Array(rest)) } else { subject.isTrue }
                if holds == keeps { kept.append(element) }
            }
            return .list(kept)
        }
    }

    private func map(_ value: Value, _ arguments: CallArguments, _ line: Int) throws(ChatTemplateError) -> Value {
        try at(line) { () throws(ValueError) in
            let elements = try Filters.elements(of: value)
            if let attribute = arguments.named.first(where: { $0.name == "attribute" })?.value.text {
                let standard = arguments.named.first { $0.name == "default" }?.value
                return .list(
                    elements.map { element in
                        let member = element.path(attribute)
                        if case .undefined = member { return standard ?? member }
                        return member
                    })
            }
            guard let name = arguments.positional.first?.text else { throw ValueError("'map' needs a filter") }
            let inner = CallArguments(name, Array(arguments.positional.dropFirst()), arguments.named)
            var results: [Value] = []
            for element in elements { results.append(try Filters.apply(element, inner)) }
            return .list(results)
        }
    }
}
