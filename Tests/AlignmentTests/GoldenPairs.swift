import Alignment
import TestSupport
import Transformer

/// The pairs of a preference fixture as token scores.
struct GoldenPairs {
    let fixture: OracleFixture
    /// Numbers computed from golden numbers in Double.
    static let tolerance = 1e-12

    /// Number of pairs.
    var count: Int {
        var count = 0
        while fixture.contains("pair\(count).chosen.policy_logps") { count += 1 }
        return count
    }

    func scores(_ pair: Int, _ side: String, importance: [Double]? = nil) throws -> TokenScores {
        let name = "pair\(pair).\(side)"
        return TokenScores(
            policy: try fixture.tensor("\(name).policy_logps").values,
            reference: try fixture.tensor("\(name).ref_logps").values, importance: importance,
            divergence: try fixture.tensor("\(name).kl_ref_policy").values)
    }

    func hyper() throws -> JSONFields { try fields("hyper", of: fixture.index) }

    func fields(_ key: String, of parent: JSONFields) throws -> JSONFields {
        guard let value = parent.value(key) else { throw MissingSetting(name: key) }
        return try JSONFields(value, file: fixture.name)
    }

    static func number(_ key: String, _ fields: JSONFields) throws -> Double {
        guard let number = try fields.number(key) else { throw MissingSetting(name: key) }
        return number
    }

    /// Nil when the loss and derivatives of all pairs are those of the fixture's loss `name`.
    func mismatch(_ outcomes: [PairOutcome], lossNamed name: String) throws -> String? {
        let scale = 1 / Double(outcomes.count)
        let mean = outcomes.reduce(0) { $0 + $1.loss } * scale
        if let problem = differs([mean], "\(name).loss") { return problem }
        for (pair, outcome) in outcomes.enumerated() {
            let sides: [(name: String, gradients: TokenGradients?)] = [
                ("chosen", outcome.chosen), ("rejected", outcome.rejected), ("anchor", outcome.anchor),
            ]
            for side in sides {
                let place = "\(name).pair\(pair).\(side.name)"
                if let problem = differs(side.gradients?.logProbabilities, "\(place).dlogp", scale) { return problem }
                if let problem = differs(side.gradients?.divergence, "\(place).dkl", scale) { return problem }
            }
        }
        return nil
    }

    /// Compares with a tensor of the fixture, if it has it; nothing stands for zeros.
    func differs(_ values: [Double]?, _ name: String, _ scale: Double = 1) -> String? {
        guard fixture.contains(name), let expected = try? fixture.tensor(name).values else { return nil }
        let found = values?.map { $0 * scale } ?? Array(repeating: 0, count: expected.count)
        let largest = expected.reduce(1) { max($0, abs($1)) }
        return TestSupport.mismatch(found, expected, limit: Self.tolerance * largest, name)
    }

    struct MissingSetting: Error, CustomStringConvertible {
        let name: String
        var description: String { "the fixture's index has no \(name)" }
    }
}
