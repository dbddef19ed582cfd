import Compute
import ContextCompression
import TestSupport
import Testing
import Transformer

/// Compressor and decoder against PyTorch: every context, every rate.
@Suite struct GMSAGoldenTests {
    static let names = GMSAOracle.names

    @Test func folderHasFixtures() { #expect(!Self.names.isEmpty, "no gmsa fixtures in \(GMSAOracle.oracles.path)") }

    @Test(arguments: names) func statesSoftTokensLogitsAndLoss(_ name: String) throws {
        let oracle = try GMSAOracle(name)
        for length in try oracle.lengths {
            for rate in try oracle.rates {
                let run = try oracle.run([oracle.restating(length, rate: rate)])
                run.forward()
                let place = "ctx\(length).r\(rate)"
                func check(_ values: [Double], _ tensor: String, _ tolerance: Tolerance = .forward) throws {
                    #expect(mismatch(values, try oracle.fixture.tensor(tensor), tolerance, tensor) == nil)
                }
                try check(run.activations.compressor.states.doubles, "ctx\(length).H")
                try check(run.activations.compressor.merged.doubles, place + ".Z")
                try check(run.softTokens.doubles, place + ".S")
                try check(run.targetLogits(), place + ".logits")
                try check([run.meanLoss], place + ".loss", .loss)
            }
        }
    }

    @Test(arguments: names, [DecoderStack.Recording.full, .blockInputs])
    func gradientsOfEveryRate(_ name: String, _ recording: DecoderStack.Recording) throws {
        let oracle = try GMSAOracle(name)
        for length in try oracle.lengths {
            for rate in try oracle.rates {
                let run = try oracle.run([oracle.restating(length, rate: rate)], recording: recording)
                let loss = run.meanLossAndGradients()
                let place = "ctx\(length).r\(rate)"
                #expect(mismatch([loss], try oracle.fixture.tensor(place + ".loss"), .loss, place) == nil)
                try checkFingerprints(oracle, order: "param_order", table: place + ".grad_fp")
                try checkFullGradients(oracle, prefix: place + ".grad.")
            }
        }
    }

    @Test(arguments: names) func emptyPrompt(_ name: String) throws {
        let oracle = try GMSAOracle(name)
        for tensor in oracle.fixture.names(prefix: "noprompt.") {
            let parts = tensor.split(separator: ".")
            let length = try #require(Int(parts[1].dropFirst("ctx".count)))
            let rate = try #require(Int(parts[2].dropFirst()))
            let run = try oracle.run([oracle.restating(length, rate: rate, prompt: [])])
            run.forward()
            #expect(mismatch([run.meanLoss], try oracle.fixture.tensor(tensor), .loss, tensor) == nil)
        }
    }

    @Test(arguments: names) func raggedMicrobatch(_ name: String) throws {
        let oracle = try GMSAOracle(name)
        let (lengths, rate) = try oracle.batch()
        let run = try oracle.run(lengths.map { try oracle.restating($0, rate: rate) })
        let loss = run.meanLossAndGradients()
        #expect(mismatch([loss], try oracle.fixture.tensor("batch.loss"), .loss, "loss") == nil)
        try checkFingerprints(oracle, order: "param_order", table: "batch.grad_fp")
    }

    @Test(arguments: names) func knowledgeExtraction(_ name: String) throws {
        let oracle = try GMSAOracle(name, decoder: .keft)
        #expect(!oracle.finetuneCases.isEmpty)
        for (length, rate) in oracle.finetuneCases {
            let run = try oracle.run([oracle.answering(length, rate: rate)])
            let loss = run.meanLossAndDecoderGradients()
            let place = "keft.ctx\(length).r\(rate)"
            #expect(mismatch([loss], try oracle.fixture.tensor(place + ".loss"), .loss, place) == nil)
            let logits = try run.targetLogits()
            #expect(mismatch(logits, try oracle.fixture.tensor(place + ".logits"), .forward, place) == nil)
            try checkFingerprints(
                oracle, order: "keft_param_order", table: place + ".grad_fp",
                store: oracle.autoencoder.decoder.model.parameters)
            try checkFullGradients(
                oracle, prefix: place + ".grad.", store: oracle.autoencoder.decoder.model.parameters)
        }
    }

    @Test(arguments: names) func greedyRestoration(_ name: String) throws {
        let oracle = try GMSAOracle(name)
        for length in try oracle.lengths {
            for rate in try oracle.rates {
                let expected = try oracle.fixture.integers("ctx\(length).r\(rate).greedy")
                #expect(try greedy(oracle, length, rate, count: oracle.greedyCount) == expected)
            }
        }
    }

    /// The most likely token again and again, each from a pass over everything before it.
    private func greedy(_ oracle: GMSAOracle, _ length: Int, _ rate: Int, count: Int) throws -> [Int32] {
        var tokens: [Int32] = []
        for _ in 0..<count {
            // The last target is only predicted: any token stands for the one that is looked for.
            let sample = CompressionSample(
                segments: [try oracle.context(length)], groupSize: rate, prompt: oracle.prompt, target: tokens + [0])
            let run = try oracle.run([sample], recording: .none)
            run.forward()
            let logits = try run.logits(rows: [try #require(run.batch.decoding.targets.rows.last)])
            let best = try #require(logits.indices.max { logits[$0] < logits[$1] })
            tokens.append(Int32(best))
        }
        return tokens
    }

    private func checkFingerprints(
        _ oracle: GMSAOracle, order: String, table: String, store: ParameterStore? = nil
    ) throws {
        let store = store ?? oracle.autoencoder.compressor.parameters
        let names = try #require(try oracle.fixture.index.strings(order))
        #expect(Set(names) == Set(store.entries.map(\.name)))
        let gradients = try names.map { try #require(store[$0]?.gradient).doubles }
        let problem = fingerprintMismatch(
            gradients, try oracle.fixture.tensor(table), relative: 1e-4, floor: 1e-6, table)
        #expect(problem == nil)
    }

    /// Those that the fixture has in full.
    private func checkFullGradients(_ oracle: GMSAOracle, prefix: String, store: ParameterStore? = nil) throws {
        let store = store ?? oracle.autoencoder.compressor.parameters
        let tensors = try oracle.fixture.names(prefix: prefix).map { ($0, try oracle.fixture.tensor($0)) }
        let largest = tensors.reduce(0) { max($0, $1.1.largest) }
        for (name, expected) in tensors {
            let gradient = try #require(store[String(name.dropFirst(prefix.count))]?.gradient).doubles
            #expect(mismatch(gradient, expected, .gradient(largestOfFixture: largest), name) == nil)
        }
    }
}
