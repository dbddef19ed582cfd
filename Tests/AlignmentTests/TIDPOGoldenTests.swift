import Alignment
import TestSupport
import Testing
import Transformer

@Suite("Golden TI-DPO weights and losses, from golden importances and log-probabilities")
struct TIDPOGoldenTests {
    private static let fixtures = OracleDirectory.current.fixtureNames(prefix: "tidpo_")

    @Test(arguments: fixtures)
    func weightsOfEverySpanTargetAndScale(fixture name: String) throws {
        let golden = GoldenPairs(fixture: try OracleDirectory.current.fixture(name))
        let hyper = try golden.fields("weights", of: golden.hyper())
        var compared = 0
        for pair in 0..<golden.count {
            for side in ["chosen", "rejected"] {
                let responseCount = try golden.scores(pair, side).count
                for target in AttributionTarget.allCases {
                    let source = "pair\(pair).\(side).importance.\(target.rawValue)"
                    guard golden.fixture.contains(source) else { continue }
                    let raw = try golden.fixture.tensor(source).values
                    for (scale, span) in scalesAndSpans {
                        let settings = try importance(hyper, scale: scale, span: span)
                        let spanned = span == .full ? raw : Array(raw.suffix(responseCount))
                        let weights = "\(span.rawValue).\(target.rawValue).\(scale.rawValue)"
                        let tensor = "pair\(pair).\(side).weights.\(weights)"
                        #expect(golden.differs(try settings.weights(spanned), tensor) == nil)
                        compared += golden.fixture.contains(tensor) ? 1 : 0
                    }
                }
            }
        }
        #expect(compared > 0)
    }

    @Test(arguments: fixtures, TokenImportance.Scale.allCases)
    func handMadeCases(fixture name: String, scale: TokenImportance.Scale) throws {
        let golden = GoldenPairs(fixture: try OracleDirectory.current.fixture(name))
        let importance = try importance(
            golden.fields("weights", of: golden.hyper()), scale: scale, span: .response)
        let cases = golden.fixture.names(prefix: "unit.").filter { $0.hasSuffix(".importance") }
        #expect(!cases.isEmpty)
        for name in cases {
            let weights = try importance.weights(try golden.fixture.tensor(name).values)
            let tensor = name.dropLast("importance".count) + scale.rawValue
            #expect(golden.fixture.contains(String(tensor)))
            #expect(golden.differs(weights, String(tensor)) == nil)
        }
    }

    @Test(arguments: fixtures, TIDPOSettings.Preset.allCases)
    func presets(fixture name: String, preset: TIDPOSettings.Preset) throws {
        let golden = GoldenPairs(fixture: try OracleDirectory.current.fixture(name))
        let settings = try settings(preset, golden)
        let pairs = try (0..<golden.count).map { try scoredPair($0, settings, golden) }
        let outcomes = pairs.map { PreferenceObjective.tiDPO(settings).evaluate($0) }
        let key = preset.rawValue
        #expect(try golden.mismatch(outcomes, lossNamed: key) == nil)
        #expect(golden.differs(outcomes.map(\.baseLoss), "\(key).base_loss_per_pair") == nil)
        #expect(golden.differs(pairs.map(\.chosen.weightedLogRatioSum), "\(key).margin_chosen") == nil)
        #expect(golden.differs(pairs.map(\.rejected.weightedLogRatioSum), "\(key).margin_rejected") == nil)
        // The fixture states the distances even where γ is 0.
        let triplets = pairs.map { pair in
            TripletTerm(weight: 1, margin: settings.tripletMargin)(
                anchor: pair.anchor?.logRatios ?? [], positive: pair.chosen.logRatios,
                negative: pair.rejected.logRatios)
        }
        #expect(golden.differs(triplets.map(\.positiveDistance), "\(key).d_pos") == nil)
        #expect(golden.differs(triplets.map(\.negativeDistance), "\(key).d_neg") == nil)
        #expect(golden.differs(triplets.map(\.loss), "\(key).triplet_per_pair") == nil)
    }

    private var scalesAndSpans: [(TokenImportance.Scale, TokenImportance.Span)] {
        TokenImportance.Scale.allCases.flatMap { scale in TokenImportance.Span.allCases.map { (scale, $0) } }
    }

    private func importance(
        _ hyper: JSONFields, scale: TokenImportance.Scale, span: TokenImportance.Span, floor: Double? = nil
    ) throws -> TokenImportance {
        TokenImportance(
            gradientShare: try GoldenPairs.number("lambda", hyper),
            priorWidthDivisor: try GoldenPairs.number("sigma_div", hyper),
            priorWidthFloor: try floor ?? GoldenPairs.number("sigma_floor", hyper), scale: scale, span: span)
    }

    private func scoredPair(_ pair: Int, _ settings: TIDPOSettings, _ golden: GoldenPairs) throws -> ScoredPair {
        func side(_ side: String) throws -> TokenScores {
            let raw = try golden.fixture.tensor(
                "pair\(pair).\(side).importance.\(settings.attributionTarget.rawValue)"
            ).values
            var scores = try golden.scores(pair, side)
            scores.importance = try settings.importance.responseWeights(
                attribution: raw, promptCount: raw.count - scores.count)
            return scores
        }
        return ScoredPair(
            chosen: try side("chosen"), rejected: try side("rejected"), anchor: try golden.scores(pair, "anchor"))
    }

    /// The preset with the numbers that the fixture was made with.
    private func settings(_ preset: TIDPOSettings.Preset, _ golden: GoldenPairs) throws -> TIDPOSettings {
        let hyper = try golden.hyper()
        let common = try golden.fields("preset_common", of: hyper)
        let numbers = try golden.fields(preset.rawValue, of: golden.fields("presets", of: hyper))
        func word<Word: RawRepresentable<String>>(_ key: String, _ fields: JSONFields) throws -> Word {
            let spelled = try #require(try fields.string(key))
            return try #require(Word(rawValue: spelled))
        }
        var settings = TIDPOSettings(preset)
        settings.beta = try GoldenPairs.number("beta", numbers)
        settings.baseObjective = try word("base", numbers)
        settings.divergenceAlpha = try GoldenPairs.number("alpha", numbers)
        settings.tripletWeight = try GoldenPairs.number("gamma", numbers)
        settings.tripletMargin = try GoldenPairs.number("margin", numbers)
        settings.attributionTarget = try word("target", numbers)
        settings.importance = try importance(
            numbers, scale: word("weight_scale", common), span: word("span", numbers),
            floor: GoldenPairs.number("sigma_floor", common))
        return settings
    }
}
