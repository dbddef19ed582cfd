import Compute
import DurableFiles
import Foundation
import JobModel
import TestFolders
import TestSupport
import Testing
import Training

/// The ways of preference training that the loop must keep its promises for.
enum TinyCase: String, CaseIterable, Sendable {
    case dpo, chosenLikelihood, hinge, ipo, robust, lengthNormalized, tdpo1, tdpo2, tiDPO, paperTable, release, noTriplet
    case everySecondStep, referenceImportance
    case chosenPrefix, teacherForced, responseNLL, margin, adapter, adapterDropout

    var objective: Objective {
        var objective = TIDPOObjective()
        objective.anchorMaxNew = 6
        switch self {
        case .dpo: return .dpo(DPOObjective())
        case .chosenLikelihood:
            var dpo = DPOObjective()
            dpo.sftWeight = 0.5
            return .dpo(dpo)
        case .hinge, .ipo, .robust, .lengthNormalized, .tdpo1, .tdpo2:
            var dpo = DPOObjective()
            dpo.loss = pairLoss
            dpo.labelSmoothing = self == .robust ? 0.1 : 0
            dpo.beta = self == .ipo ? 0.5 : 0.1
            return .dpo(dpo)
        case .tiDPO, .adapter, .adapterDropout: break
        case .paperTable: TIDPOPreset.paperTable.apply(to: &objective)
        case .release: TIDPOPreset.release.apply(to: &objective)
        case .noTriplet: TIDPOPreset.noTriplet.apply(to: &objective)
        case .everySecondStep: objective.importanceRefresh = .every(2)
        case .referenceImportance:
            objective.importanceModel = .reference
            objective.importanceRefresh = .once
        case .chosenPrefix:
            objective.anchorSource = .chosenPrefix
            objective.anchorPrefix = 2
        case .teacherForced: objective.anchorSource = .teacherForced
        case .responseNLL: objective.attributionTarget = .responseNLL
        case .margin: objective.attributionTarget = .margin
        }
        objective.anchorMaxNew = 6
        return .tiDPO(objective)
    }

    private var pairLoss: DPOObjective.Loss {
        switch self {
        case .hinge: .hinge
        case .ipo: .ipo
        case .robust: .robust
        case .lengthNormalized: .lengthNormalized
        case .tdpo1: .tdpo1
        case .tdpo2: .tdpo2
        default: .sigmoid
        }
    }

    var adapter: JobModel.AdapterSettings? {
        guard self == .adapter || self == .adapterDropout else { return nil }
        var adapter = JobModel.AdapterSettings()
        adapter.rank = 2
        adapter.dropout = self == .adapterDropout ? 0.25 : 0
        return adapter
    }

    func run() throws -> TinyRun { try TinyRun(objective, adapter: adapter) }
}

@Suite struct PreferenceTaskTests {
    /// Stopped after any step and resumed in a new task: the same bytes.
    @Test(.enabled(if: !isDoublePrecision, "checkpoints hold float32"), arguments: TinyCase.allCases)
    func resumedIsIdentical(tiny: TinyCase) throws {
        let run = try tiny.run()
        let straight = run.scratch.path + "/straight"
        try run.train(in: straight)
        let expected = try run.outcome(in: straight)
        for step in [0, 1, 3] as [Int64] {
            let directory = run.scratch.path + "/stopped-\(step)"
            let stop = StopSignal()
            #expect(throws: StopSignal.Stopped.self) {
                try run.train(in: directory, stop: stop, observer: StopAfter(step: step, stop))
            }
            try run.train(in: directory)
            #expect(try run.outcome(in: directory) == expected, "stopped after step \(step)")
        }
    }

    /// Accumulation over microbatches of any size is the large batch.
    @Test(arguments: TinyCase.allCases.filter { $0 != .adapterDropout })
    func accumulationEqualsLargeBatch(tiny: TinyCase) throws {
        let run = try tiny.run()
        let whole = try run.firstStep([[0, 1, 2, 3, 4, 5]])
        for parts in [[[0], [1], [2], [3], [4], [5]], [[0, 1, 2, 3], [4, 5]]] {
            let accumulated = try run.firstStep(parts)
            #expect(distance(whole.gradients, accumulated.gradients) < 1e-4)
            #expect(abs(whole.loss - accumulated.loss) < 1e-6)
        }
    }

    @Test(arguments: TinyCase.allCases.filter { $0 != .adapterDropout })
    func sharedPromptEqualsRepeatedPrompt(tiny: TinyCase) throws {
        let run = try tiny.run()
        let shared = try run.firstStep([[0, 1, 2], [3, 4, 5]])
        run.spec.train.prefixSharing = false
        let separate = try run.firstStep([[0, 1, 2], [3, 4, 5]])
        #expect(distance(shared.gradients, separate.gradients) < 1e-4)
        #expect(abs(shared.loss - separate.loss) < 1e-6)
    }

    @Test(arguments: TinyCase.allCases)
    func recomputingEqualsKeeping(tiny: TinyCase) throws {
        let run = try tiny.run()
        let kept = try run.firstStep([[0, 1, 2], [3, 4, 5]])
        run.spec.train.recompute = true
        let recomputed = try run.firstStep([[0, 1, 2], [3, 4, 5]])
        #expect(kept.gradients == recomputed.gradients)
        #expect(kept.loss == recomputed.loss)
    }

    @Test func lossesBeforeTheFirstUpdate() throws {
        #expect(abs(try TinyCase.dpo.run().firstStep([[0, 1, 2]]).loss - log(2)) < 1e-6)
        #expect(abs(try TinyCase.noTriplet.run().firstStep([[0, 1, 2]]).loss - log(2)) < 1e-6)
        // TI-DPO adds γ·margin: the triplet is open and pulls nowhere.
        #expect(abs(try TinyCase.tiDPO.run().firstStep([[0, 1, 2]]).loss - (log(2) + 0.1 * 0.1)) < 1e-6)
    }

    /// Uniform importance is DPO: λ 0 with a prior so wide that it is flat.
    @Test func uniformImportanceIsDPO() throws {
        var objective = TIDPOObjective()
        objective.gamma = 0
        objective.lambda = 0
        objective.priorSigmaFloor = 1e6
        let uniform = try TinyRun(.tiDPO(objective)).firstStep([[0, 1, 2, 3]])
        let dpo = try TinyRun(.dpo(DPOObjective())).firstStep([[0, 1, 2, 3]])
        #expect(distance(dpo.gradients, uniform.gradients) < 1e-5)
    }

    @Test func trainingLowersTheLoss() throws {
        let run = try TinyCase.tiDPO.run()
        run.spec.train.steps = 30
        run.spec.train.logEvery = 30
        try run.train(in: run.scratch.path + "/run")
        let lines = String(decoding: try readFile(run.scratch.path + "/run/metrics.jsonl"), as: UTF8.self).split(
            separator: "\n")
        let accuracies = lines.compactMap { line -> Double? in
            let fields = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return (fields?["eval_rewards/accuracies"] as? NSNumber)?.doubleValue
        }
        #expect(accuracies.first == 0)
        #expect(accuracies.last == 1)
    }
}
