import JobModel
import Testing

/// Decodes a text or fails the test with its errors.
func decoded(_ text: String, format: SpecFormat = .yaml, paths: InputPathRule = .underRoots) throws -> JobSpec {
    try JobSpec.decode(Array(text.utf8), format: format, paths: paths)
}

/// The error lines of a text that has to be refused; empty if it is accepted.
func refusal(of text: String, format: SpecFormat = .yaml, paths: InputPathRule = .underRoots) -> [String] {
    do {
        _ = try JobSpec.decode(Array(text.utf8), format: format, paths: paths)
        return []
    } catch {
        return error.lines(file: "t.yaml")
    }
}

@Suite struct DecodingTests {
    @Test func preferenceExampleMeansWhatItSays() throws {
        let spec = try decoded(Examples.tiDPO)
        #expect(spec.name == "smol-ti-dpo")
        #expect(spec.method == .tiDPO)
        #expect(spec.priority == 10)
        #expect(spec.resources.cpus == 4)
        #expect(spec.resources.memory == .automatic)
        #expect(spec.resources.timeLimit == Milliseconds(seconds: 36 * 3600))
        #expect(spec.model == .path("smollm2-135m-instruct", sha256: nil))
        #expect(spec.reference == .cached)
        #expect(spec.dataset.eval == [.path("hh-rlhf/test.jsonl", sha256: nil)])
        #expect(spec.dataset.maxPromptLength == 256)
        #expect(spec.objective == .tiDPO(TIDPOObjective()))
        #expect(spec.train.learningRate == 5e-6)
        #expect(spec.train.warmup == .steps(150))
        #expect(spec.train.epochs == 1)
        #expect(spec.train.steps == nil)
        #expect(spec.checkpoint.keepBest == "eval_rewards/accuracies")
        #expect(!spec.checkpoint.keepBestIsSmallest)
        #expect(spec.retry == RetryPolicy())
    }

    @Test func compressionExamplesMeanWhatTheySay() throws {
        let first = try decoded(Examples.autoencoder)
        guard case .gmsaAutoencoder(let encoder) = first.objective else {
            Issue.record("not an autoencoder")
            return
        }
        #expect(encoder == GMSAAutoencoderObjective())
        #expect(first.checkpoint.keepBestIsSmallest)

        let second = try decoded(Examples.finetune)
        #expect(second.compressor == .artifact(of: .name("pwc-ae"), artifact: nil))
        #expect(second.dependencies == [Dependency(.name("pwc-ae"))])
        #expect(second.train.steps == 5000 && second.train.epochs == nil)
    }

    @Test func inputsOfJobsImplyDependencies() throws {
        let spec = try decoded(
            "{name: d, method: dpo, model: {job: tiny}, dataset: {train: {job: 7, artifact: a.jsonl}}}")
        #expect(spec.after.isEmpty)
        #expect(spec.dependencies == [Dependency(.name("tiny")), Dependency(.number(7))])
        #expect(spec.inputs.map(\.role) == [.model, .trainingData])
    }

    @Test func rowsOfSeveralFiles() throws {
        let spec = try decoded(
            "{name: d, method: dpo, model: m, dataset: {train: [b, {path: a, sha256: \(String(repeating: "0", count: 64))}, "
                + "{job: tiny, artifact: c.jsonl}], eval: [e]}}")
        #expect(spec.dataset.train?.count == 3 && spec.dataset.eval == [.path("e", sha256: nil)])
        #expect(
            spec.inputs.map(\.role) == [.model, .trainingPart(0), .trainingPart(1), .trainingPart(2), .evaluationData])
        #expect(spec.dependencies == [Dependency(.name("tiny"))])
        let canonical = spec.canonicalJSON()
        #expect(try JobSpec.decode(canonical, format: .json) == spec)
        let single = try decoded("{name: d, method: dpo, model: m, dataset: {train: [x]}}")
        #expect(single == (try decoded("{name: d, method: dpo, model: m, dataset: {train: x}}")))
    }

    @Test func rolesAreSpelledAsTheKeysThatNameThem() throws {
        for (role, key) in [
            (InputRole.model, "model"), (.tokenizer, "objective.tokenizer"), (.trainingData, "dataset.train"),
            (.trainingPart(0), "dataset.train[0]"), (.evaluationPart(12), "dataset.eval[12]"),
        ] {
            #expect(role.rawValue == key && InputRole(rawValue: key) == role)
            #expect(try JSONCoding.encode([role]) == Array("[\"\(key)\"]".utf8))
            #expect(try JSONCoding.decode([InputRole].self, from: Array("[\"\(key)\"]".utf8)) == [role])
        }
        for key in ["", "model[0]", "dataset.train[]", "dataset.train[-1]", "dataset.train[1]x", "dataset.test[1]"] {
            #expect(InputRole(rawValue: key) == nil)
        }
    }

    @Test func dependenciesInEveryForm() throws {
        let spec = try decoded(
            """
            {name: d, method: dpo, model: m, dataset: {train: x},
             after: [a, 41, {job: b, when: any}, {job: 3, when: failed}]}
            """
        )
        #expect(
            spec.after == [
                Dependency(.name("a")), Dependency(.number(41)), Dependency(.name("b"), .any),
                Dependency(.number(3), .failed),
            ])
    }

    @Test(arguments: Examples.all)
    func canonicalFormGivesTheSameSpecification(_ text: String) throws {
        let spec = try decoded(text)
        let canonical = spec.canonicalJSON()
        let again = try JobSpec.decode(canonical, format: .json)
        #expect(again == spec)
        #expect(again.canonicalJSON() == canonical)
    }

    @Test func canonicalFormSurvivesAwkwardTexts() throws {
        let comment = #"comment: "\u0026x \U0001F600 \\ \"q\" \uFEFF \u2028\t\n""#
        let spec = try decoded("{name: d, method: dpo, model: m, dataset: {train: x}, \(comment)}")
        #expect(spec.comment == "&x \u{1F600} \\ \"q\" \u{FEFF} \u{2028}\t\n")
        #expect(try JobSpec.decode(spec.canonicalJSON(), format: .json) == spec)
    }

    @Test func defaultsAreWrittenOut() throws {
        let text = String(decoding: try decoded(Examples.dpo).canonicalJSON(), as: UTF8.self)
        for line in [
            #""max_failures": 2"#, #""epochs": 1"#, #""beta": 0.1"#, #""reference": "cached""#, #""time_limit": "7d""#,
        ] {
            #expect(text.contains(line))
        }
    }

    @Test func presetsFillWhatIsLeftOutAndKeysWin() throws {
        let release = try decoded(
            "{name: t, method: ti-dpo, model: m, dataset: {train: x}, objective: {lambda: 1, preset: release}}")
        guard case .tiDPO(let settings) = release.objective else {
            Issue.record("not ti-dpo")
            return
        }
        #expect(settings.lambda == 1)
        #expect(settings.beta == 0.2 && settings.span == .full && settings.attributionTarget == .afterLast)
        #expect(settings.baseObjective == .tdpo2 && settings.klAlpha == 0.5)
        #expect(settings.gamma == 0.001 && settings.tripletMargin == 0.001 && settings.priorSigmaDivisor == 8)
        #expect(release.reference == .live)

        let ablation = try decoded(
            "{name: t, method: ti-dpo, model: m, dataset: {train: x}, objective: {preset: no_triplet}}")
        guard case .tiDPO(let without) = ablation.objective else {
            Issue.record("not ti-dpo")
            return
        }
        #expect(without.gamma == 0 && without.lambda == 0.7)
    }

    @Test func referenceFollowsTheAdapter() throws {
        let adapted = try decoded("{name: t, method: dpo, model: m, dataset: {train: x}, adapter: {}}")
        #expect(adapted.reference == .adapterOff)
        #expect(adapted.adapter?.targets == .all)
        #expect(try decoded(Examples.sft).reference == .none)
        #expect(try decoded(Examples.sft).adapter?.targets == .named([.query, .value]))
    }

    @Test func shapesOfNewModelsAreResolved() throws {
        guard case .pretrain(let settings) = try decoded(Examples.pretrain).objective else {
            Issue.record("not pretrain")
            return
        }
        #expect(settings.architecture?.headDimension == 24)
        #expect(settings.architecture?.keyValueHeads == 2)
        #expect(settings.tokenizer == .train(vocabularySize: 512))
    }

    @Test func jsonReadsLikeYAML() throws {
        let json =
            #"{"name": "d", "method": "dpo", "model": "m", "dataset": {"train": "x"}, "#
            + #""comment": "\ud83d\ude00 \\ud83d \/"}"#
        let spec = try decoded(json, format: .json)
        #expect(spec.comment == "\u{1F600} \\ud83d /")
        #expect(refusal(of: "{name: d}", format: .json).first?.contains("not valid JSON") == true)
    }

    @Test func pathsAreFreeOnlyWhereNobodysRightsAreLent() throws {
        let text = "{name: d, method: dpo, model: /abs/m, dataset: {train: ../x}}"
        #expect(refusal(of: text).count == 2)
        #expect(try decoded(text, paths: .anywhere).model == .path("/abs/m", sha256: nil))
    }

    @Test func formatsByEnding() {
        #expect(SpecFormat(fileName: "a.yaml") == .yaml)
        #expect(SpecFormat(fileName: "a.yml") == .yaml)
        #expect(SpecFormat(fileName: "a.json") == .json)
        #expect(SpecFormat(fileName: "a.txt") == nil)
    }
}
