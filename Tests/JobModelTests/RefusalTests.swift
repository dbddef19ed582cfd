import JobModel
import Testing

@Suite struct RefusalTests {
    private static let base = "name: d\nmethod: dpo\nmodel: m\ndataset: {train: x}\n"

    @Test func errorsNameFilePlaceKeyAndHint() {
        let text = """
            name: smol
            method: dpo
            model: m
            dataset: {train: x}
            train: {learning_rate: "fast"}
            checkpoint: {keep_lats: 2}
            """
        #expect(
            refusal(of: text) == [
                #"t.yaml:5:24: error: train.learning_rate: expected a number above 0, found "fast""#,
                "t.yaml:6:14: error: checkpoint.keep_lats: unknown key; did you mean keep_last?",
            ])
    }

    /// What is refused, and a part of the message that has to appear.
    @Test(arguments: [
        ("hold: yes", "expected true or false"),
        ("hold: on", "expected true or false"),
        ("hold: \"true\"", "expected true or false"),
        ("priority: 010", "expected a whole number"),
        ("priority: 1:30", "expected a whole number"),
        ("priority: 1.0", "expected a whole number"),
        ("priority: \"3\"", "expected a whole number"),
        ("priority: 2000", "from -1000 to 1000"),
        ("priority:", "found nothing"),
        ("train: {learning_rate: .nan}", "expected a number above 0"),
        ("train: {learning_rate: .inf}", "expected a number above 0"),
        ("train: {learning_rate: 1e999}", "expected a number above 0"),
        ("train: {learning_rate: 0}", "expected a number above 0"),
        ("train: {epochs: 1, steps: 2}", "say how long in one way"),
        ("train: {steps: 10, warmup: 10}", "leave nothing"),
        ("train: {microbatch: 0}", "of at least 1"),
        ("resources: {memory: 12}", "a size such as 12GiB"),
        ("resources: {time_limit: 36}", "a duration above 0"),
        ("resources: {time_limit: 0s}", "a duration above 0"),
        ("not_before: tomorrow", "RFC 3339"),
        ("name: 9lives", "duplicate key"),
        ("labels: {a: 1, a: 2}", "duplicate key"),
        ("labels: {a: 1, \"a\": 2}", "duplicate key"),
        ("<<: {a: 1}", "merge keys"),
        ("comment: !!str x", "explicit tags"),
        ("comment: !!str \"x\"", "explicit tags"),
        ("labels: !!map {a: b}", "explicit tags"),
        ("comment: &x y", "anchor"),
        ("comment: *x", "alias"),
        ("? [a]\n: 1", "a key has to be a word"),
        ("---\nname: e", "document"),
        ("comment: \"a", "scanning a quoted scalar"),
        ("lambda: 1", "objective.lambda"),
        ("learning_rate: 1", "train.learning_rate"),
        ("command: rm", "cannot bring commands"),
        ("sweep: {}", "later version"),
        ("objective: {lambda: 1}", "belongs to ti-dpo"),
        ("objective: {seed: 1}", "train.seed"),
        ("objective: [1]", "a mapping of keys"),
        ("compressor: c", "only method gmsa-finetune"),
        ("reference: none", "needs one"),
        ("reference: adapter_off", "needs an adapter section"),
        ("checkpoint: {keep_best: eval_loss}", "dataset.eval"),
        ("evaluate: {every_steps: 3}", "dataset.eval"),
        ("adapter: {start: [a, b]}", "adapter.start: expected a name"),
        ("after: [a, a]", "stands in the list twice"),
        ("after: [a, {job: a, when: any}]", "one job stands in the list twice"),
        ("after: {when: any}", "after.job: missing"),
        ("after: {job: a, when: sometimes}", "one of ok, any, failed"),
        ("idempotency_key: \(String(repeating: "k", count: 129))", "at most 128"),
        ("adapter: {targets: []}", "at least 1"),
        ("adapter: {targets: [q_prj]}", "did you mean q_proj?"),
        ("retry: {on: [data_error]}", "one of crash"),
    ])
    func refuses(_ lines: String, _ words: String) {
        let refusals = refusal(of: Self.base + lines + "\n")
        #expect(!refusals.isEmpty)
        #expect(refusals.contains { $0.contains(words) }, "\(refusals)")
        #expect(refusals.allSatisfy { $0.wholeMatch(of: /t\.yaml:\d+:\d+: error: .+/) != nil })
    }

    @Test(arguments: ["../x", "/x", "~/x", "a/../b", "a//b", "./a", "a/", "a\\u0000b"])
    func refusesNamesThatLeaveTheirRoots(_ name: String) {
        #expect(!refusal(of: "{name: d, method: dpo, model: \"\(name)\", dataset: {train: x}}").isEmpty)
    }

    @Test(arguments: [
        ("[]", "at least 1"), ("[a, a]", "a stands in the list twice"), ("[a, ../b]", "leads out of its root"),
        ("[a, /b.csv]", "an absolute path"), ("[a, [b]]", "expected a name"), ("[a, null]", "found nothing"),
        ("[a, {path: b, sha: c}]", "unknown key"), ("[{path: a, sha256: zz}]", "dataset.train.sha256"),
    ])
    func refusesListsOfRows(_ list: String, _ words: String) {
        let lines = refusal(of: "{name: d, method: dpo, model: m, dataset: {eval: e,\n train: \(list)}}")
        #expect(!lines.isEmpty && lines.allSatisfy { $0.hasPrefix("t.yaml:2:") && $0.contains("dataset.train") })
        #expect(lines.contains { $0.contains(words) }, "\(lines)")
    }

    @Test func everythingWrongIsSaidAtOnce() {
        let lines = refusal(of: "nmae: x\nmethod: dop\npriority: high\nresources: {cpus: 0, mem: 1}\n")
        #expect(lines.count == 6, "\(lines)")
        #expect(lines.contains { $0.contains("nmae: unknown key; did you mean name?") })
        #expect(lines.contains { $0.contains("did you mean dpo?") })
    }

    @Test func boundsHoldBeforeParsing() {
        #expect(refusal(of: String(repeating: "#", count: 256 * 1024 + 1)).first?.contains("at most 262144") == true)
        #expect(refusal(of: "name: a\0").first?.contains("NUL") == true)
        #expect(refusal(of: "").first?.contains("empty") == true)
        let deep = String(repeating: "[", count: 20) + String(repeating: "]", count: 20)
        #expect(refusal(of: "labels: \(deep)").first?.contains("nested deeper than 16") == true)
        let deepest = String(repeating: "[", count: 50_000)
        #expect(!refusal(of: deepest).isEmpty)
        let many = "[" + String(repeating: "1,", count: 10_001) + "]"
        #expect(refusal(of: "labels: \(many)").first?.contains("more than 10000") == true)
        do {
            _ = try JobSpec.decode([0x6E, 0xFF, 0xFE])
            Issue.record("not UTF-8 was accepted")
        } catch {
            #expect(error.description.contains("UTF-8"))
        }
    }

    @Test func tooOldAFriendIsNotAnAnchor() throws {
        let spec = try decoded("{name: d, method: dpo, model: m, dataset: {train: x}, comment: R&D at 5 & 6}")
        #expect(spec.comment == "R&D at 5 & 6")
    }

    @Test func errorsCarryNoTerminalEscapes() {
        let lines = refusal(of: Self.base + "queue: \"\\e[31mred\"\n")
        #expect(lines.count == 1)
        #expect(lines[0].unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
    }

    @Test(arguments: [
        ("objective: {kl_alpha: 0.5}", "only a tdpo base"),
        ("objective: {preset: paper_table}\nreference: cached", "compares whole distributions"),
        ("objective: {importance_refresh: {every_k: 0}}", "of at least 1"),
        ("objective: {importance_refresh: often}", "step, once or"),
        ("objective: {importance_model: reference}", "importance_refresh: once"),
        ("objective: {lambda: 1.5}", "at most 1"),
        ("objective: {preset: paper}", "one of paper_eq"),
    ])
    func refusesImportanceThatCannotBe(_ lines: String, _ words: String) {
        let refusals = refusal(of: "name: t\nmethod: ti-dpo\nmodel: m\ndataset: {train: x}\n\(lines)\n")
        #expect(refusals.contains { $0.contains(words) }, "\(refusals)")
    }

    @Test(arguments: [
        ("architecture: {hidden_size: 10, heads: 4}", "does not divide hidden_size"),
        ("architecture: {heads: 4, key_value_heads: 3}", "does not divide heads"),
        ("architecture: {hidden_size: 12, heads: 4}", "odd"),
        ("architecture: {}\n  tokenizer: {vocabulary_size: 2}", "260"),
        ("architecture: {}\n  tokenizer: {vocabulary_size: 300, path: x}", "expected {vocabulary_size"),
        ("tokenizer: {path: x}", "objective.architecture: missing"),
    ])
    func refusesShapesThatDoNotAddUp(_ lines: String, _ words: String) {
        let refusals = refusal(of: "name: t\nmethod: pretrain\ndataset: {train: x}\nobjective:\n  \(lines)\n")
        #expect(refusals.contains { $0.contains(words) }, "\(refusals)")
    }
}
