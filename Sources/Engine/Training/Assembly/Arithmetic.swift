package import Compute
package import JobModel

extension Precision {
    /// In what a team multiplies, where the processor can.
    package var products: ProductPrecision {
        switch self {
        case .fp32: .full
        case .bf16: .bfloat16
        }
    }
}

extension JobSpec {
    /// In what a team for this job multiplies, where the processor can.
    package var products: ProductPrecision { train.precision.products }

    /// A word for the log when the job asks for products that this processor does not have.
    func fallback(of team: ThreadTeam) -> String? {
        guard team.products != products else { return nil }
        return "precision \(train.precision.rawValue): this processor has no AVX512-BF16; products are in \(Real.self)"
    }
}

extension ThreadTeam {
    /// Type of weights and arithmetic, and of products where it differs: what decides the last bits.
    var arithmetic: String {
        let type = MemoryLayout<Real>.size == 8 ? "float64" : "float32"
        switch products {
        case .full: return type
        case .bfloat16: return "\(type), products in bfloat16"
        }
    }
}
