/// Why a weight file was refused: the file, the tensor where there is one, what was found and what was expected.
package struct SafetensorsError: Error, Sendable, Equatable, CustomStringConvertible {
    package let file: String
    package let tensor: String?
    package let found: String
    package let expected: String
    /// What to do next, where that is known.
    package let advice: String?

    package init(file: String, tensor: String? = nil, found: String, expected: String, advice: String? = nil) {
        self.file = file
        self.tensor = tensor
        self.found = found
        self.expected = expected
        self.advice = advice
    }

    package var description: String {
        let place = tensor.map { "\(file): tensor \"\($0)\"" } ?? file
        return "\(place): found \(found), expected \(expected)" + (advice.map { "; \($0)" } ?? "")
    }
}
