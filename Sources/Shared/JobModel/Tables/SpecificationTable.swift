/// The keys of a specification. This table drives decoding, defaults, canonical JSON, `hone methods` and the manual.
enum SpecificationTable {
    /// The order matters in one place: `method` comes before the sections whose defaults it sets.
    static let top = Section<JobSpec>(
        [
            .value("version", \.version, .integer(1...1), "version of the specification format"),
            .value(
                "name", \.name, .name, "what other jobs write after `after:`; part of the run directory",
                isRequired: true),
            .value("method", \.method, .word, "what the job computes", isRequired: true) { spec in
                spec.objective = spec.method.defaultObjective
                spec.train = spec.method.defaultTrain
            },
            .value("after", \.after, .dependencies, "jobs that have to end first"),
            .value("priority", \.priority, .integer(-1000...1000), "larger first"),
            .value("queue", \.queue, .name, "a configured queue"),
            .value("hold", \.hold, .flag, "admit the job held, until somebody releases it"),
            .optional("not_before", \.notBefore, .moment, "earliest start"),
            .optional(
                "idempotency_key", \.idempotencyKey, .text(limit: 128), "the same key and content again is the same job"
            ),
            .value("labels", \.labels, .pairs(limit: 16), "for people"),
            .optional("comment", \.comment, .text(limit: 1000), "for people"),
            .section("resources", \.resources, resources),
            .section("retry", \.retry, retry),
            .section("checkpoint", \.checkpoint, checkpoint),
            .value("determinism", \.determinism, .word, "strict: resume only where the result stays bit-identical"),
            .optional("model", \.model, .input, "the model that is trained"),
            .value(
                "reference", \.reference, .reference,
                "where reference log-probabilities come from; left out: adapter_off with an adapter, live where the "
                    + "objective needs the whole distribution, else cached", hasFixedDefault: false),
            .optional("compressor", \.compressor, .input, "artifacts of a gmsa-autoencoder job"),
            .section("dataset", \.dataset, dataset),
            .optionalSection("adapter", \.adapter, adapter, start: { AdapterSettings() }),
            objective,
            .section("train", \.train, train),
            .section("evaluate", \.evaluate, evaluate),
        ], hint: hint(forUnknownTopKey:))

    static let resources = Section<ResourceRequest>([
        .value("cpus", \.cpus, .integer(1...4096), "whole cores, for this job alone"),
        .value("memory", \.memory, .reservation, "reserved memory; auto: estimated from the shapes"),
        .value("disk", \.disk, .reservation, "reserved disk; auto: estimated from the shapes"),
        .value("time_limit", \.timeLimit, .duration, "running time over all attempts"),
    ])

    static let retry = Section<RetryPolicy>([
        .value(
            "max_failures", \.maxFailures, .integer(0...100),
            "failures without progress in between that are tried again"),
        .value("backoff", \.backoff, .duration, "first waiting time; doubles up to an hour"),
        .value("on", \.on, .list(of: .word), "failures worth another try"),
    ])

    static let checkpoint = Section<CheckpointSettings>([
        .value("every", \.every, .duration, "longest time between two checkpoints"),
        .optional("every_steps", \.everySteps, .count(), "also after this many optimizer steps"),
        .value("keep_last", \.keepLast, .integer(2...1000), "how many of the newest are kept"),
        .optional("keep_best", \.keepBest, .metric, "also keep the one with the best value of this evaluation metric"),
        .optional("keep_every", \.keepEvery, .count(), "also keep those whose step is a multiple of this"),
    ])

    static let dataset = Section<DatasetSettings>([
        .optional("train", \.train, .rows, "rows to train on; those of a list follow each other in its order"),
        .optional("eval", \.eval, .rows, "rows to evaluate on, likewise"),
        .value("format", \.format, .word, "auto: what the name ends in says it, .jsonl, .json, .csv or .txt, each also .gz or .zst"),
        .optional(
            "max_length", \.maxLength, .count(atLeast: 2),
            "most tokens of prompt and response; left out: the model's context"),
        .optional("max_prompt_length", \.maxPromptLength, .count(), "most tokens of a prompt"),
        .value("truncation", \.truncation, .word, "which end of a text that is too long is kept; fail: neither"),
        .value("tokenize", \.tokenize, .word, "prompt and response each on its own, or as one text"),
        .value("on_empty", \.onEmpty, .word, "what happens to a row with an empty response"),
        .optional(
            "chat_template", \.chatTemplate, .input,
            "a Jinja file to render conversations with; left out: the model's own"),
        .section("columns", \.columns, columns),
    ])

    static let columns = Section<DatasetColumns>([
        .value("prompt", \.prompt, .text(limit: 128), "field with the prompt"),
        .value("chosen", \.chosen, .text(limit: 128), "field with the preferred response"),
        .value("rejected", \.rejected, .text(limit: 128), "field with the dispreferred response"),
        .value("response", \.response, .text(limit: 128), "field with the response, for sft"),
        .value("text", \.text, .text(limit: 128), "field with the text, for pretrain"),
        .value("messages", \.messages, .text(limit: 128), "field with the messages of a conversation, for sft"),
        .value("input", \.input, .text(limit: 128), "field with the context, for gmsa"),
        .value("answer", \.answer, .text(limit: 128), "field with the answer, for gmsa"),
    ])

    static let train = Section<TrainSettings>([
        .optional("epochs", \.epochs, .count(), "passes over the training rows; 1 if neither this nor steps is given"),
        .optional("steps", \.steps, .count(), "optimizer steps, instead of epochs"),
        .value("microbatch", \.microbatch, .count(), "rows (pairs) at a time; a stop is obeyed after each"),
        .value("accumulation", \.accumulation, .count(), "microbatches in one optimizer step"),
        .value("learning_rate", \.learningRate, .number(.positive), "highest learning rate"),
        .value("schedule", \.schedule, .word, "how it changes after the warmup"),
        .value("warmup", \.warmup, .warmup, "how long it rises from 0"),
        .value("weight_decay", \.weightDecay, .number(.notNegative), "AdamW decay, on matrices only"),
        .value("beta1", \.beta1, .number(.belowOne), "AdamW first-moment decay"),
        .value("beta2", \.beta2, .number(.belowOne), "AdamW second-moment decay"),
        .value("epsilon", \.epsilon, .number(.positive), "AdamW denominator offset"),
        .value("clip", \.clip, .number(.notNegative), "largest global gradient norm; 0: no clipping"),
        .value("seed", \.seed, .seed, "key of every random number of the job"),
        .value(
            "precision", \.precision, .word,
            "number type of matrix products; bf16 is faster where the processor has AVX512-BF16, else fp32 is used"),
        .value(
            "recompute", \.recompute, .flag,
            "recompute activations of a block in the backward pass: less memory, more time"),
        .value("prefix_sharing", \.prefixSharing, .flag, "chosen and rejected share one prompt (exact)"),
        .value("log_every", \.logEvery, .count(), "optimizer steps between two lines of metrics"),
    ])

    static let evaluate = Section<EvaluateSettings>([
        .optional("every_steps", \.everySteps, .count(), "optimizer steps between two evaluations"),
        .optional("every_epochs", \.everyEpochs, .count(), "epochs between two evaluations"),
        .optional("limit", \.limit, .count(), "use only the first rows of the eval file"),
    ])

    /// The method's own section; without a valid method nothing can be said about it.
    private static let objective = Field<JobSpec>(key: "objective", isRequired: false) { node, path, spec, reader in
        guard !reader.isFaulty("method") else { return }
        if let objective = MethodTable.entry(for: spec.method).grammar.read(node, path, spec.objective, &reader) {
            spec.objective = objective
        }
    } write: { spec in
        MethodTable.entry(for: spec.method).grammar.write(spec.objective)
    } describe: { path, defaults in
        MethodTable.entry(for: defaults.method).grammar.describe(path, defaults.objective)
    }

    private static func hint(forUnknownTopKey key: String) -> String? {
        if key == "sweep" { return "sweeps are reserved for a later version" }
        if ["command", "env", "environment", "hooks", "plugins", "script"].contains(key) {
            return "a job names a method and its settings; it cannot bring commands or an environment"
        }
        let sections: [(String, [String])] = [
            ("resources", resources.fields.map(\.key)), ("retry", retry.fields.map(\.key)),
            ("checkpoint", checkpoint.fields.map(\.key)), ("dataset", dataset.fields.map(\.key)),
            ("adapter", adapter.fields.map(\.key)), ("train", train.fields.map(\.key)),
            ("evaluate", evaluate.fields.map(\.key)),
        ]
        let homes = sections.filter { $0.1.contains(key) }.map { "\($0.0).\(key)" }
        let methods = MethodTable.methods(withObjectiveKey: key).isEmpty ? [] : ["objective.\(key)"]
        let places = homes + methods
        return places.isEmpty ? nil : "did you mean \(places.joined(separator: " or "))?"
    }
}

extension ValueGrammar where Value == Warmup {
    static var warmup: ValueGrammar {
        ValueGrammar("optimizer steps (150), or a share of all of them with a point (0.05)") { text, isPlain in
            guard isPlain, let number = NumberText.number(text) else { return nil }
            if text.allSatisfy(\.isNumber) { return Int32(text).map { .steps(Int($0)) } }
            return NumberRange.belowOne.contains(number) ? .fraction(number) : nil
        } write: { warmup in
            switch warmup {
            case .steps(let count): .integer(Int64(count))
            case .fraction(0): .integer(0)
            case .fraction(let share): .number(share)
            }
        }
    }
}
