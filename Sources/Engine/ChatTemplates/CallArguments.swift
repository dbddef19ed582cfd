/// The evaluated arguments of a function, filter or method.
struct CallArguments {
    /// The name of what is called, for messages.
    let name: String
    var positional: [Value]
    var named: [(name: String, value: Value)]

    init(_ name: String, _ positional: [Value] = [], _ named: [(name: String, value: Value)] = []) {
        self.name = name
        self.positional = positional
        self.named = named
    }

    /// The argument at a place or with a name, or nil when it is not given.
    subscript(index: Int, name: String) -> Value? {
        if index < positional.count { return positional[index] }
        return named.first { $0.name == name }?.value
    }

    /// Fails when there are more arguments than `names`, or ones with other names.
    func check(_ names: [String]) throws(ValueError) {
        if positional.count > names.count {
            throw ValueError("'\(name)' takes \(names.count) arguments, not \(positional.count)")
        }
        for argument in named where !names.contains(argument.name) {
            throw ValueError("'\(name)' has no argument '\(argument.name)'")
        }
    }

    func string(_ index: Int, _ name: String) throws(ValueError) -> String? {
        guard let value = self[index, name] else { return nil }
        if case .none = value { return nil }
        guard case .string(let text) = value else {
            throw ValueError("'\(self.name)' takes a string, not \(value.kind)")
        }
        return text
    }

    func requiredString(_ index: Int, _ name: String) throws(ValueError) -> String {
        guard let text = try string(index, name) else { throw ValueError("'\(self.name)' needs a string") }
        return text
    }

    func integer(_ index: Int, _ name: String) throws(ValueError) -> Int? {
        guard let value = self[index, name] else { return nil }
        if case .none = value { return nil }
        guard let number = value.asInteger else {
            throw ValueError("'\(self.name)' takes an integer, not \(value.kind)")
        }
        return number
    }
}
