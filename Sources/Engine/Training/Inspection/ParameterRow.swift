import Safetensors

/// Tensors of one kind: the same name but for the number of the layer, the same type and shape.
package struct ParameterRow: Sendable, Encodable, Equatable {
    /// Their name, `*` for the number of the layer.
    package let name: String
    /// Element type as the file spells it.
    package let type: String
    /// Sizes of one tensor.
    package let shape: [Int]
    /// Number of tensors.
    package internal(set) var tensors: Int
    /// Elements of all of them.
    package internal(set) var parameters: Int
    /// Bytes of all of them in the file.
    package internal(set) var bytes: Int
    /// Whether it is another tensor used a second time, with no elements of its own.
    package let isTied: Bool

    /// The tensors of some files, in the order in which they lie there.
    static func rows(of files: [SafetensorsFile]) -> [ParameterRow] {
        var rows: [ParameterRow] = []
        var places: [String: Int] = [:]
        for tensor in files.flatMap(\.tensors) {
            let name = pattern(tensor.name)
            let key = "\(name) \(tensor.dataType.rawValue) \(tensor.shape)"
            if let place = places[key] {
                rows[place].tensors += 1
                rows[place].parameters += tensor.count
                rows[place].bytes += tensor.bytes.count
            } else {
                places[key] = rows.count
                rows.append(
                    ParameterRow(
                        name: name, type: tensor.dataType.rawValue, shape: tensor.shape, tensors: 1,
                        parameters: tensor.count, bytes: tensor.bytes.count, isTied: false))
            }
        }
        return rows
    }

    /// A head that is the embedding.
    static func tied(_ name: String, shape: [Int]) -> ParameterRow {
        ParameterRow(name: name, type: "", shape: shape, tensors: 0, parameters: 0, bytes: 0, isTied: true)
    }

    private static func pattern(_ name: String) -> String {
        name.split(separator: ".", omittingEmptySubsequences: false)
            .map { !$0.isEmpty && $0.allSatisfy(\.isNumber) ? "*" : $0 }.joined(separator: ".")
    }
}
