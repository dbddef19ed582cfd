/// The value of a bfloat16, which is the upper half of a Float.
package func float(brainBits bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

/// The value of an IEEE 754 binary16, subnormals, infinities and NaN included.
package func float(halfBits bits: UInt16) -> Float {
    let sign = UInt32(bits & 0x8000) << 16
    let exponent = UInt32(bits >> 10 & 0x1F)
    let fraction = UInt32(bits & 0x3FF)
    switch exponent {
    case 0:
        let magnitude = Float(fraction) * 0x1p-24
        return Float(bitPattern: magnitude.bitPattern | sign)
    case 31: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
    default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
}
