/// What a chat template is given: plain values as JSON has them, mappings in order.
package indirect enum ChatValue: Sendable, Equatable {
    case null
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case list([ChatValue])
    case mapping([Member])

    /// One entry of a mapping.
    package struct Member: Sendable, Equatable {
        package let key: String
        package let value: ChatValue

        package init(_ key: String, _ value: ChatValue) {
            self.key = key
            self.value = value
        }
    }

    /// A message with a role and a text.
    package static func message(role: String, content: String) -> ChatValue {
        .mapping([Member("role", .string(role)), Member("content", .string(content))])
    }
}
