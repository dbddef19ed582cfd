import Foundation

/// Runs the statements of a template.
final class Interpreter {
    let now: Date
    /// UTF-8 of the text so far.
    private var output: [UInt8] = []
    private var assistantRanges: [Range<Int>] = []
    /// More than 0 while a macro or a block assignment collects text of its own.
    private var captureDepth = 0
    private var steps = 0
    private var callDepth = 0

    /// Statements and expressions evaluated in one rendering, and the sizes of the values they make.
    static let maximumSteps = 8_000_000
    /// Macros that call each other.
    static let maximumCallDepth = 50

    init(now: Date) {
        self.now = now
    }

    func render(_ statements: [Statement], in scope: Scope) throws(ChatTemplateError) -> RenderedChat {
        _ = try run(statements, scope)
        return RenderedChat(text: String(decoding: output, as: UTF8.self), assistantRanges: assistantRanges)
    }

    /// Counts steps of work.
    func step(_ line: Int, count: Int = 1) throws(ChatTemplateError) {
        steps += count
        if steps > Self.maximumSteps {
            throw ChatTemplateError(.limit, line: line, "\(Self.maximumSteps) steps")
        }
    }

    /// Counts a new value as work by its size, so that neither lists nor strings can grow without end.
    func charged(_ value: Value, _ line: Int) throws(ChatTemplateError) -> Value {
        var budget = Value.maximumWeight
        try at(line) { () throws(ValueError) in try value.weigh(&budget, depth: 0) }
        try step(line, count: Value.maximumWeight - budget)
        return value
    }

    /// Runs an operation on values and puts the line into its error.
    func at<T>(_ line: Int, _ body: () throws(ValueError) -> T) throws(ChatTemplateError) -> T {
        do throws(ValueError) {
            return try body()
        } catch {
            throw ChatTemplateError(error.kind, line: line, error.message)
        }
    }

    // MARK: Statements

    /// How a list of statements ended.
    private enum Flow {
        case next, leaveLoop, continueLoop
    }

    private func run(_ statements: [Statement], _ scope: Scope) throws(ChatTemplateError) -> Flow {
        for statement in statements {
            let flow = try run(statement, scope)
            if flow != .next { return flow }
        }
        return .next
    }

    private func run(_ statement: Statement, _ scope: Scope) throws(ChatTemplateError) -> Flow {
        try step(statement.line)
        switch statement.node {
        case .text(let text): try write(text, statement.line)
        case .output(let expression): try write(evaluate(expression, scope).text, statement.line)
        case .conditional(let branches, let otherwise):
            for branch in branches where try evaluate(branch.condition, scope).isTrue {
                return try run(branch.body, scope)
            }
            return try run(otherwise, scope)
        case .loop(let loop): try run(loop, scope, statement.line)
        case .assign(let target, let expression):
            try assign(target, evaluate(expression, scope), scope, statement.line)
        case .capture(let target, let filters, let body):
            var value = Value.string(try capture { () throws(ChatTemplateError) in _ = try run(body, scope) })
            for filter in filters {
                value = try apply(filter.name, to: value, filter.arguments, scope, statement.line)
            }
            try assign(target, value, scope, statement.line)
        case .macro(let macro): scope.values[macro.name] = .macro(macro, scope)
        case .generation(let body):
            let start = output.count
            let flow = try run(body, Scope(parent: scope))
            if captureDepth == 0 { assistantRanges.append(start..<output.count) }
            return flow
        case .leaveLoop: return .leaveLoop
        case .continueLoop: return .continueLoop
        }
        return .next
    }

    private func write(_ text: String, _ line: Int) throws(ChatTemplateError) {
        guard output.count + text.utf8.count <= Operators.maximumLength else {
            throw ChatTemplateError(.limit, line: line, "\(Operators.maximumLength) bytes of text")
        }
        output += text.utf8
    }

    private func run(_ loop: Statement.Loop, _ scope: Scope, _ line: Int) throws(ChatTemplateError) {
        let sequence = try evaluate(loop.sequence, scope)
        var elements = try at(line) { () throws(ValueError) in try Filters.elements(of: sequence) }
        if let condition = loop.condition {
            var kept: [Value] = []
            for element in elements {
                let inner = Scope(parent: scope)
                try bind(loop.names, element, inner, line)
                if try evaluate(condition, inner).isTrue { kept.append(element) }
            }
            elements = kept
        }
        for (index, element) in elements.enumerated() {
            try step(line)
            // Every round has variables of its own: what it sets is gone in the next.
            let inner = Scope(parent: scope)
            inner.values["loop"] = .loop(LoopState(index: index, elements: elements))
            try bind(loop.names, element, inner, line)
            if try run(loop.body, inner) == .leaveLoop { return }
        }
        if elements.isEmpty { _ = try run(loop.otherwise, Scope(parent: scope)) }
    }

    private func assign(
        _ target: Statement.Target, _ value: Value, _ scope: Scope, _ line: Int
    ) throws(ChatTemplateError) {
        switch target {
        case .names(let names): try bind(names, value, scope, line)
        case .attribute(let name, let member):
            guard case .namespace(let namespace)? = scope.find(name) else {
                throw ChatTemplateError(.evaluation, line: line, "'\(name)' is not a namespace: cannot set '\(member)'")
            }
            namespace.set(member, value)
        }
    }

    private func bind(_ names: [String], _ value: Value, _ scope: Scope, _ line: Int) throws(ChatTemplateError) {
        if names.count == 1 {
            scope.values[names[0]] = value
            return
        }
        let parts = try at(line) { () throws(ValueError) in try Filters.elements(of: value) }
        guard parts.count == names.count else {
            throw ChatTemplateError(.evaluation, line: line, "\(parts.count) values for \(names.count) names")
        }
        for (name, part) in zip(names, parts) { scope.values[name] = part }
    }

    /// The text that `body` writes.
    private func capture(_ body: () throws(ChatTemplateError) -> Void) throws(ChatTemplateError) -> String {
        let outer = output
        output = []
        captureDepth += 1
        try body()
        captureDepth -= 1
        defer { output = outer }
        return String(decoding: output, as: UTF8.self)
    }

    /// Calls a macro.
    func call(
        _ macro: Macro, _ arguments: CallArguments, _ scope: Scope, _ line: Int
    ) throws(ChatTemplateError) -> Value {
        callDepth += 1
        defer { callDepth -= 1 }
        if callDepth > Self.maximumCallDepth { throw ChatTemplateError(.limit, line: line, "nested macros") }
        try at(line) { () throws(ValueError) in try arguments.check(macro.parameters.map(\.name)) }
        let inner = Scope(parent: scope)
        for (index, parameter) in macro.parameters.enumerated() {
            let given = arguments[index, parameter.name]
            var value = given ?? .undefined(parameter.name)
            if given == nil, let standard = parameter.standard { value = try evaluate(standard, inner) }
            inner.values[parameter.name] = value
        }
        return .string(try capture { () throws(ChatTemplateError) in _ = try run(macro.body, inner) })
    }
}
