internal import JSON

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Musl
#endif

/// Rotary position embedding: base frequency and how it is stretched for longer contexts.
package struct RotarySettings: Sendable, Hashable {
    /// The stretching rules of Transformers that are supported.
    package enum Scaling: Sendable, Hashable {
        case none
        /// Positions divided by the factor.
        case linear(factor: Double)
        /// NTK-aware: beyond the trained length the base grows with the length.
        case dynamic(factor: Double)
        /// Llama 3: low frequencies divided by the factor, high ones kept, a smooth passage between.
        case llama3(factor: Double, lowFrequency: Double, highFrequency: Double, originalLength: Double)
    }

    /// Base of the frequencies.
    package var theta: Double
    /// How they are stretched.
    package var scaling: Scaling

    /// Plain rotary embedding by default.
    package init(theta: Double = 10_000, scaling: Scaling = .none) {
        self.theta = theta
        self.scaling = scaling
    }

    /// Reads `rope_theta` + `rope_scaling` (published files) or `rope_parameters` (Transformers 5).
    init(_ fields: JSONFields) throws(ModelError) {
        let parameters = try fields.object("rope_parameters")
        let published = try fields.object("rope_scaling")
        let innerTheta = try parameters?.positive("rope_theta")
        let outerTheta = try fields.positive("rope_theta")
        theta = innerTheta ?? outerTheta ?? 10_000
        if let rule = parameters ?? published { scaling = try Scaling(rule) } else { scaling = .none }
    }

    /// Inverse frequencies for pairs (j, j + headDimension / 2), in radians per position.
    ///
    /// - Parameters:
    ///   - trainedLength: `max_position_embeddings`.
    ///   - contextLength: positions that will be used. Only the dynamic rule looks at it: one stretch for the whole
    ///     run, so that a sequence scores the same beside shorter and longer ones.
    package func inverseFrequencies(headDimension: Int, trainedLength: Int, contextLength: Int) -> [Double] {
        let base = stretchedTheta(headDimension, trainedLength: trainedLength, contextLength: contextLength)
        return (0..<headDimension / 2).map { pair in
            scaled(pow(base, -2 * Double(pair) / Double(headDimension)))
        }
    }

    private func stretchedTheta(_ headDimension: Int, trainedLength: Int, contextLength: Int) -> Double {
        guard case .dynamic(let factor) = scaling, contextLength > trainedLength, headDimension > 2 else {
            return theta
        }
        let stretch = factor * Double(contextLength) / Double(trainedLength) - (factor - 1)
        return theta * pow(stretch, Double(headDimension) / Double(headDimension - 2))
    }

    private func scaled(_ frequency: Double) -> Double {
        switch scaling {
        case .none, .dynamic: return frequency
        case .linear(let factor): return frequency / factor
        case .llama3(let factor, let low, let high, let originalLength):
            let wavelength = 2 * Double.pi / frequency
            if wavelength > originalLength / low { return frequency / factor }
            if wavelength < originalLength / high { return frequency }
            let blend = (originalLength / wavelength - low) / (high - low)
            return (1 - blend) * frequency / factor + blend * frequency
        }
    }
}

extension RotarySettings.Scaling {
    init(_ rule: JSONFields) throws(ModelError) {
        let (newName, oldName) = (try rule.string("rope_type"), try rule.string("type"))
        let name = newName ?? oldName ?? "default"
        func required(_ key: String) throws(ModelError) -> Double {
            guard let value = try rule.positive(key) else {
                throw .malformedField(
                    file: rule.file, key: "rope scaling: \(key)", found: "nothing", expected: "a number above 0")
            }
            return value
        }
        switch name {
        case "default": self = .none
        case "linear": self = .linear(factor: try required("factor"))
        case "dynamic": self = .dynamic(factor: try required("factor"))
        case "llama3":
            let (low, high) = (try required("low_freq_factor"), try required("high_freq_factor"))
            guard high > low else {
                throw .malformedField(
                    file: rule.file, key: "rope scaling: high_freq_factor", found: "\(high)",
                    expected: "more than low_freq_factor, \(low)")
            }
            self = .llama3(
                factor: try required("factor"), lowFrequency: low, highFrequency: high,
                originalLength: try required("original_max_position_embeddings"))
        default:
            throw .unsupportedFeature(
                file: rule.file, key: "rope_scaling", found: "type \(name)",
                supported: "default, linear, dynamic, llama3")
        }
    }

    /// The rule as published configurations spell it; nil for none.
    var encoded: JSONValue? {
        switch self {
        case .none: nil
        case .linear(let factor): .object(["rope_type": .string("linear"), "factor": .number(factor)])
        case .dynamic(let factor): .object(["rope_type": .string("dynamic"), "factor": .number(factor)])
        case .llama3(let factor, let low, let high, let originalLength):
            .object([
                "rope_type": .string("llama3"), "factor": .number(factor), "low_freq_factor": .number(low),
                "high_freq_factor": .number(high), "original_max_position_embeddings": .integer(Int(originalLength)),
            ])
        }
    }
}
