package import Safetensors

/// How the numbers of a saved model are stored.
package enum SavedElement: Sendable, CaseIterable {
    case float32, bfloat16, float16

    /// Element type in safetensors files.
    var dataType: DataType {
        switch self {
        case .float32: .float32
        case .bfloat16: .bfloat16
        case .float16: .float16
        }
    }

    /// PyTorch's word, as config.json has it.
    var torchName: String {
        switch self {
        case .float32: "float32"
        case .bfloat16: "bfloat16"
        case .float16: "float16"
        }
    }

    /// The element type that a checkpoint's matrices have, for saving a model as it came; F64 is saved as F32.
    package init(of tensor: TensorView) {
        self =
            switch tensor.dataType {
            case .bfloat16: .bfloat16
            case .float16: .float16
            default: .float32
            }
    }

    /// Appends the little-endian bytes of `value`, rounded to nearest, ties to even.
    func append(_ value: Float, to bytes: inout [UInt8]) {
        switch self {
        case .float32: append(value.bitPattern, to: &bytes)
        case .bfloat16: append(brainBits(value), to: &bytes)
        case .float16: append(Float16(value).bitPattern, to: &bytes)
        }
    }

    private func append<Bits: FixedWidthInteger>(_ bits: Bits, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: bits.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private func brainBits(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if value.isNaN { return UInt16(bits >> 16) | 0x40 }
        return UInt16((bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }
}
