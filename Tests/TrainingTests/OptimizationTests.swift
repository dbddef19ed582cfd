import Compute
import DurableFiles
import Foundation
import JobModel
import Safetensors
import TestSupport
import Testing
import Training
import Transformer

@Suite struct LearningRateTests {
    @Test(arguments: [
        (Schedule.constant, [0, 0.5, 1, 1, 1, 1, 1, 1, 1, 1]),
        (.linear, [0, 0.5, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]),
        (
            .cosine,
            [
                0, 0.5, 1, 0.9619397662556434, 0.8535533905932737, 0.6913417161825449, 0.5, 0.3086582838174551,
                0.14644660940672627,
                0.03806023374435663,
            ]
        ),
    ])
    func schedulesOfTransformers(shape: Schedule, factors: [Double]) {
        let schedule = LearningRateSchedule(peak: 2, shape: shape, warmup: 2, total: 10)
        for (step, factor) in factors.enumerated() {
            #expect(abs(schedule.rate(after: step) - 2 * factor) < 1e-15)
        }
    }

    @Test func warmupShareIsRoundedUp() {
        #expect(Warmup.fraction(0.1).steps(of: 25) == 3)
    }

    @Test func decayEndsAtZero() {
        for shape in [Schedule.linear, .cosine] {
            #expect(LearningRateSchedule(peak: 1, shape: shape, warmup: 0, total: 4).rate(after: 4) < 1e-15)
        }
    }
}

@Suite struct BatchScheduleTests {
    @Test func everyRowOncePerEpoch() {
        var schedule = BatchSchedule(rowCount: 13, seed: 3, microbatch: 2, accumulation: 2, epochs: 3, steps: nil)
        #expect(schedule.totalSteps == 10)
        let rows = (0..<10).flatMap { schedule.microbatches(after: $0).flatMap { $0 } }
        #expect(rows.count == 39)
        for epoch in 0..<3 { #expect(Set(rows[(epoch * 13)..<(epoch * 13 + 13)]).count == 13) }
        #expect(Array(rows[0..<13]) != Array(rows[13..<26]))
        #expect(schedule.epoch(after: 10) == 3)
    }

    @Test func anyStepCanBeAskedForAlone() {
        var whole = BatchSchedule(rowCount: 13, seed: 3, microbatch: 2, accumulation: 2, epochs: nil, steps: 50)
        let straight = (0..<50).map { whole.microbatches(after: $0) }
        for step in [49, 3, 20, 0] {
            var fresh = BatchSchedule(rowCount: 13, seed: 3, microbatch: 2, accumulation: 2, epochs: nil, steps: 50)
            #expect(fresh.microbatches(after: step) == straight[step])
        }
        #expect(whole.cursor(after: 10, datasetSha256: "d") == TrainingCursorProbe.expected)
    }

    private enum TrainingCursorProbe {
        static var expected: TrainingCursor {
            var schedule = BatchSchedule(rowCount: 13, seed: 3, microbatch: 4, accumulation: 1, epochs: nil, steps: 50)
            _ = schedule.microbatches(after: 0)
            return schedule.cursor(after: 10, datasetSha256: "d")
        }
    }
}

@Suite struct MetricLineTests {
    @Test func sortedAndReadableAsJSON() throws {
        let line = MetricLine(
            step: 3, epoch: 0.1, metrics: ["loss": 1e-5, "a/b": .nan, "grad_norm": .infinity, "learning_rate": 2])
        #expect(
            line.text == #"{"step":3,"epoch":0.1,"a/b":"nan","grad_norm":"inf","learning_rate":2.0,"loss":1e-05}"#
                + "\n")
        #expect(try JSONSerialization.jsonObject(with: Data(line.text.utf8)) is [String: Any])
    }
}

/// AdamW with clipping on given gradients, against PyTorch in double precision.
@Suite struct AdamWOracleTests {
    @Test func matchesTheFixture() throws {
        let folder = OracleDirectory.current.path + "/golden/optim"
        let index = try JSONSerialization.jsonObject(with: Data(readFile(folder + ".json"))) as? [String: Any]
        let hyper = try #require((index?["hyper"] as? [String: Any])?["adamw"] as? [String: Any])
        func number(_ key: String) throws -> Double { try #require((hyper[key] as? NSNumber)?.doubleValue) }
        let file = try SafetensorsFile(folder + ".safetensors")
        let initial = file.tensors.filter { $0.name.hasPrefix("w0.") }
        let store = try ParameterStore(
            initial.map { tensor in
                WeightEntry(
                    name: String(tensor.name.dropFirst(3)), role: .head,
                    rows: tensor.shape.count == 2 ? tensor.shape[0] : 1,
                    columns: tensor.shape[tensor.shape.count - 1], isMatrix: tensor.shape.count == 2)
            })
        var settings = AdamW.Settings()
        settings.beta1 = try number("beta1")
        settings.beta2 = try number("beta2")
        settings.epsilon = try number("eps")
        settings.weightDecay = try number("weight_decay")
        settings.maximumGradientNorm = try number("clip_norm")
        let optimizer = try AdamW(store, settings)
        let context = Context(arena: try Arena(byteCount: 1 << 16), team: try ThreadTeam(threads: 1))
        try store.read(store.values, prefix: "w0.", from: file)
        for step in 1...Int(try number("steps")) {
            try store.read(#require(store.gradients), prefix: "g\(step).", from: file)
            let norm = optimizer.gradientNorm(context)
            let expected = try #require(try file.tensor("norm\(step)")?.doubles().first)
            #expect(abs(norm - expected) < 1e-6 * expected)
            optimizer.update(step: step, learningRate: try number("lr"), gradientNorm: norm, context)
            for (block, prefix) in [(store.values, "w"), (optimizer.firstMoment, "m"), (optimizer.secondMoment, "v")] {
                for entry in store.entries {
                    let values = try #require(try file.tensor("\(prefix)\(step).\(entry.name)")?.doubles())
                    for (offset, value) in values.enumerated() {
                        let found = Double(block.base[entry.range.lowerBound + offset])
                        #expect(
                            abs(found - value) <= 2e-6 * max(abs(value), 0.01),
                            "\(prefix)\(step).\(entry.name)[\(offset)]")
                    }
                }
            }
        }
    }
}
