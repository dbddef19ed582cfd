import Compute
import TestSupport
import Testing
import Transformer

/// AdamW with clipping on given gradients, without a model.
@Suite struct OptimizerTests {
    static let oracles = OracleDirectory.current

    @Test(arguments: oracles.fixtureNames(prefix: "optim")) func steps(_ name: String) throws {
        let fixture = try Self.oracles.fixture(name)
        let hyper = try #require(try fixture.index.object("hyper")?.object("adamw"))
        let settings = try AdamWRun.Settings(hyper)
        let tensors = try fixture.names(prefix: "w0.").map { name in
            let shape = try fixture.tensor(name).shape
            return WeightEntry(
                name: String(name.dropFirst(3)), role: .head, rows: shape.count == 2 ? shape[0] : 1,
                columns: shape[shape.count - 1], isMatrix: shape.count == 2)
        }
        let store = try ParameterStore(tensors)
        try load("w0.", fixture, store) { $0.value }
        let optimizer = try AdamWRun(store, settings)
        let team = try ThreadTeam(threads: 1)
        let context = Context(arena: try Arena(byteCount: 64), team: team)
        for step in 1...settings.steps {
            try load("g\(step).", fixture, store) { $0.gradient }
            let norm = optimizer.update(context)
            #expect(abs(norm - (try fixture.scalar("norm\(step)"))) <= limit * max(1, norm))
            for entry in store.entries {
                let expected = try fixture.tensor("w\(step).\(entry.name)").values
                let actual = store.parameter(entry).value.doubles
                #expect(mismatch(actual, expected, limit: limit, "\(entry.name) after step \(step)") == nil)
            }
        }
    }

    private var limit: Double { isDoublePrecision ? 1e-12 : 1e-6 }

    private func load(
        _ prefix: String, _ fixture: OracleFixture, _ store: ParameterStore, _ window: (Parameter) -> Matrix?
    ) throws {
        for entry in store.entries {
            let target = try #require(window(store.parameter(entry)))
            for (index, value) in try fixture.tensor(prefix + entry.name).values.enumerated() {
                target.base[index] = Real(value)
            }
        }
    }
}
