/// What can be wrong with a model folder, an adapter folder or a request to a model.
package enum ModelError: Error, Equatable, CustomStringConvertible {
    case missingFile(path: String, hint: String)
    case unreadableFile(path: String, reason: String)
    case malformedField(file: String, key: String, found: String, expected: String)
    case unsupportedArchitecture(file: String, found: String)
    case unsupportedFeature(file: String, key: String, found: String, supported: String)
    case missingTensors(file: String, names: [String])
    case unusedTensors(file: String, names: [String])
    case wrongShape(file: String, tensor: String, found: [Int], expected: [Int])
    case unsupportedElementType(file: String, tensor: String, found: String)
    case unknownAdapterTarget(file: String, target: String, known: [String])
    case incompatibleAdapter(file: String, reason: String)
    case positionOutOfRange(position: Int, limit: Int)
    case tokenOutOfRange(token: Int, vocabularySize: Int)
    case emptyPrompt

    /// File, place, what was found, what was expected.
    package var description: String {
        switch self {
        case .missingFile(let path, let hint): "\(path): no such file; \(hint)"
        case .unreadableFile(let path, let reason): "\(path): \(reason)"
        case .malformedField(let file, let key, let found, let expected):
            "\(file): \(key): found \(found), expected \(expected)"
        case .unsupportedArchitecture(let file, let found):
            "\(file): architecture \(found) is not supported; supported are "
                + ModelFamily.allCases.map(\.architecture).joined(separator: ", ")
        case .unsupportedFeature(let file, let key, let found, let supported):
            "\(file): \(key): \(found) is not supported; supported is \(supported)"
        case .missingTensors(let file, let names): "\(file): \(list(names, "is missing", "are missing"))"
        case .unusedTensors(let file, let names):
            "\(file): \(list(names, "belongs", "belong")) to no part of this model; "
                + "does config.json describe these weights?"
        case .wrongShape(let file, let tensor, let found, let expected):
            "\(file): \(tensor) has shape \(found), expected \(expected) from config.json"
        case .unsupportedElementType(let file, let tensor, let found):
            "\(file): \(tensor) has element type \(found); supported are F32, BF16, F16"
        case .unknownAdapterTarget(let file, let target, let known):
            "\(file): target module \(target) names no linear of this model; it has \(known.joined(separator: ", "))"
        case .incompatibleAdapter(let file, let reason): "\(file): \(reason)"
        case .positionOutOfRange(let position, let limit):
            "position \(position) is beyond the \(limit) positions this model was loaded for"
        case .tokenOutOfRange(let token, let vocabularySize):
            "token id \(token) is outside the vocabulary of \(vocabularySize)"
        case .emptyPrompt: "a prompt has no tokens; begin it with the beginning-of-sequence token"
        }
    }

    private func list(_ names: [String], _ one: String, _ many: String) -> String {
        let shown = names.prefix(5).joined(separator: ", ")
        let more = names.count > 5 ? " and \(names.count - 5) more" : ""
        return "\(shown)\(more) \(names.count == 1 ? one : many)"
    }
}
