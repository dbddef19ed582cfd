"""Job specifications of the GMSA experiments. JSON is YAML too, so hone reads them as they are."""

# A model small enough to train on one core in minutes: 0.35 million weights.
HIDDEN, INTERMEDIATE, LAYERS, VOCABULARY, CONTEXT = 96, 256, 3, 512, 128
ENCODER_LAYERS, RANK = 2, 24
# Most tokens of a context about which is asked.
LONGEST = 56


def train(steps, rate, seed, decay=0.01):
    return {
        "steps": steps, "microbatch": 16, "learning_rate": rate, "schedule": "cosine", "warmup": 0.03,
        "weight_decay": decay, "clip": 1, "seed": seed}


def job(name, method, objective, training, evaluation, every, train_settings, **inputs):
    return {
        "name": name, "method": method, "dataset": {"train": training, "eval": evaluation, **inputs.pop("dataset", {})},
        "objective": objective, "train": train_settings, "resources": {"cpus": 1},
        "evaluate": {"every_steps": every, "limit": 100}, "checkpoint": {"every": "2min", "keep_last": 2}, **inputs}


def stage0(steps):
    """A language model that has learned to restate a text that it reads."""
    architecture = {
        "hidden_size": HIDDEN, "intermediate_size": INTERMEDIATE, "layers": LAYERS, "heads": 4, "key_value_heads": 4,
        "head_dim": HIDDEN // 4, "context": CONTEXT, "tie_embeddings": True, "rope_theta": 10000, "rms_norm_eps": 1e-5,
        "initializer_range": 0.05}
    return job(
        "stage0", "pretrain", {"tokenizer": {"vocabulary_size": VOCABULARY}, "architecture": architecture},
        "stage0.jsonl", "restate-eval.jsonl", 250, {**train(steps, 3e-3, 1), "beta2": 0.98},
        dataset={"max_length": CONTEXT})


# What an arm changes in the objective of stage 1. Encoder adapters, rate, data and their order are the same in all.
ARMS = {
    "gmsa": {},
    "memory-tokens": {"merge": {"kind": "memory_tokens", "memory_tokens": 16}, "lsa": {"kind": "linear"}},
    "no-merging": {"merge": {"kind": "memory_tokens", "memory_tokens": 16}},
    "no-lsa": {"lsa": {"kind": "linear"}},
    "random-lsa": {"lsa": {"init": "random"}},
}


def shape():
    return {"layers": ENCODER_LAYERS, "lora_rank": RANK, "lora_alpha": RANK, "lora_dropout": 0}


def autoencoder(name, model, seed, steps, arm="gmsa", rates=None, evaluation="windows-eval.jsonl", **further):
    objective = {"encoder": shape(), "rates": rates or {"train": [4], "sampling": "fixed"}, **ARMS[arm], **further}
    return job(
        name, "gmsa-autoencoder", objective, "windows.jsonl", evaluation, 100, train(steps, 3e-3, seed), model=model,
        dataset={"max_length": 40})


def first_stage(name, model, seed, steps, arm):
    """Longer than the arms of E1, over windows and contexts of questions; some evaluated texts are written, too."""
    objective = {
        "encoder": shape(), "rates": {"train": [4], "sampling": "fixed"}, "generation": {"rows": 48, "max_new": 64},
        **ARMS[arm]}
    return job(
        name, "gmsa-autoencoder", objective, "mixed.jsonl", "windows-eval.jsonl", 500, train(steps, 3e-3, seed),
        model=model, dataset={"max_length": LONGEST})


def plain(name, model):
    """What the model makes of the same texts behind words that ask for nothing it has learned: its plain loss."""
    spec = autoencoder(name, model, 1, 1)
    spec["objective"]["ae"] = {"text": "Please go on."}
    return spec


def finetune(name, model, compressor, seed, steps, questions, trained="qkv"):
    objective = {
        "stage2": {"train": trained}, "rates": {"train": [4], "sampling": "fixed"},
        "generation": {"rows": 100, "max_new": 16}}
    inputs = {} if compressor is None else {"compressor": compressor}
    if compressor is None:
        objective["encoder"] = shape()
    return job(
        name, "gmsa-finetune", objective, f"{questions}.jsonl", f"{questions}-eval.jsonl", 250,
        train(steps, 1e-3, seed), model=model, dataset={
            "max_length": LONGEST, "columns": {"text": "context", "prompt": "question", "response": "answer"}}, **inputs)


def reading(name, model, kind, seed, steps, questions):
    """The same questions behind the whole text or behind nothing, all weights trained."""
    return job(
        name, "sft", {}, f"{questions}-{kind}.jsonl", f"{questions}-eval-{kind}.jsonl", 250, train(steps, 1e-3, seed),
        model=model, dataset={"max_length": CONTEXT})


def measured(name, model, compressor, evaluation):
    """What a compressor restates of other texts, before the one step of a job that is run for its first evaluation."""
    spec = finetune(name, model, compressor, 1, 1, "facts")
    spec["dataset"].update(train=evaluation, eval=evaluation)
    del spec["objective"]["generation"]
    return spec


def step_cost(arm, length, rate, prompt):
    """Multiply-adds × 2 of one sample in one step of stage 1, without attention: the cost model of RESULTS.md."""
    layer = 4 * HIDDEN * HIDDEN + 3 * HIDDEN * INTERMEDIATE
    adapters = RANK * (8 * HIDDEN + 3 * (HIDDEN + INTERMEDIATE))
    soft = -(-length // rate)
    encoder_rows = length + (soft if ARMS[arm].get("merge") else 0)
    alignment = HIDDEN * HIDDEN if ARMS[arm].get("lsa", {}).get("kind") == "linear" else layer
    return (
        ENCODER_LAYERS * encoder_rows * (4 * layer + 6 * adapters) + 6 * soft * alignment
        + LAYERS * (soft + prompt + length + 1) * 4 * layer + 4 * HIDDEN * VOCABULARY * (length + 1))
