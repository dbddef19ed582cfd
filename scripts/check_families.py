"""The comparison behind scripts/check-hf --families: small random checkpoints of every kind that hone reads.

Each is made by transformers, scored, continued and trained by hone, and what hone wrote is loaded again by transformers
and PEFT. One row of the table for each; a failure is named below it."""
import argparse
import json
import subprocess
import sys
import tempfile
from argparse import Namespace
from pathlib import Path

import check_hf
import torch
import transformers
from check_hf import Mismatch, checkpoint_tensors, require
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

TEXT = """One day Mia went to the park with a red ball. Ben was there too. Ben was sad, so Mia gave him the ball.
They played together until it was dark. After lunch Tom went to the kitchen; the cake was gone! Who ate the cake?
Anna said: "I did not." Max laughed and showed 3 plates, 12 cups and 1 spoon. In spring the garden is green."""
PROMPTS = ["One day Mia went", "Who ate the cake? Anna said: \"I did not.\" Max laughed and"]
SHAPE = dict(hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=256, initializer_range=0.15, bos_token_id=0, eos_token_id=1, pad_token_id=None)
LORA = "adapter: {rank: 4, alpha: 8, merge: true%s}\n"


def rope(kind, **more):
    """Rotary scaling under the name that both old and new transformers write."""
    return {"rope_type": kind, "rope_theta": 10000.0, **more}


def family(architecture, dtype="float32", shard="5GB", lora="", **changes):
    return dict(architecture=architecture, dtype=dtype, shard=shard, lora=lora, changes=changes)


LLAMA3 = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)
CASES = {
    "Llama 2, untied, F32": family("Llama", tie_word_embeddings=False, num_key_value_heads=4),
    "Llama, rope linear, tied, BF16": family(
        "Llama", "bfloat16", tie_word_embeddings=True, rope_parameters=rope("linear", factor=4.0)),
    "Llama, rope dynamic, F32, sharded": family(
        "Llama", shard="40KB", tie_word_embeddings=False, rope_parameters=rope("dynamic", factor=2.0)),
    "Llama 3, rope llama3, F16, sharded": family(
        "Llama", "float16", "40KB", tie_word_embeddings=True, rope_parameters=rope("llama3", **LLAMA3)),
    "Llama, attention and MLP bias, F32": family(
        "Llama", tie_word_embeddings=False, attention_bias=True, mlp_bias=True,
        lora=', targets: ".*\\\\.(q|v|down)_proj", rslora: true, rank_pattern: {"layers.1.*": 6}, alpha_pattern: {v_proj: 3}'),
    "TinyLlama, untied, BF16": family(
        "Llama", "bfloat16", tie_word_embeddings=False, num_attention_heads=8, num_key_value_heads=1,
        lora=", modules_to_save: [lm_head, embed_tokens]"),
    "SmolLM2, tied, BF16": family(
        "Llama", "bfloat16", tie_word_embeddings=True, num_attention_heads=3, num_key_value_heads=1,
        rope_parameters=rope("default") | {"rope_theta": 100000.0}, lora=", modules_to_save: [lm_head, model.norm]"),
    "Mistral, window 8, F32, sharded": family(
        "Mistral", shard="40KB", tie_word_embeddings=False, sliding_window=8, head_dim=16,
        lora=", layers: [1, 2], targets: [q_proj, o_proj]"),
    "Mistral, no window, F16": family("Mistral", "float16", tie_word_embeddings=False, sliding_window=None),
    "Qwen2, tied, BF16": family("Qwen2", "bfloat16", tie_word_embeddings=True),
    "Qwen2, untied, window from layer 1, F32": family(
        "Qwen2", tie_word_embeddings=False, use_sliding_window=True, sliding_window=8, max_window_layers=1,
        lora=", modules_to_save: [q_proj, input_layernorm], targets: [k_proj, up_proj]"),
    "Qwen3, head_dim 20, F16": family("Qwen3", "float16", tie_word_embeddings=False, head_dim=20),
    "Qwen3, tied, attention bias, F32, sharded": family(
        "Qwen3", shard="40KB", tie_word_embeddings=True, attention_bias=True, head_dim=12,
        lora=", modules_to_save: [embed_tokens, mlp], targets: [q_proj]"),
}
CHECKS = ["load", "scores", "greedy", "round trip", "full", "LoRA", "merged", "DPO on"]


def main():
    parser = argparse.ArgumentParser(prog="check-hf --families")
    parser.add_argument("--hone", required=True)
    parser.add_argument("--families", action="store_true")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--keep", help="a folder to work in and leave behind")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    failures = []
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(arguments.keep or scratch)
        print("| checkpoint | " + " | ".join(CHECKS) + " |\n|---|" + "---|" * len(CHECKS))
        for number, (name, case) in enumerate(CASES.items()):
            if arguments.only in name:
                folder = root / str(number)
                folder.mkdir(parents=True, exist_ok=True)
                check(name, Checks(arguments.hone, folder, case, number), failures)
    for failure in failures:
        print(failure)
    sys.exit(1 if failures else 0)


def check(name, checks, failures):
    results = []
    for title, method in zip(CHECKS, Checks.ALL):
        try:
            results.append(getattr(checks, method)())
        except Mismatch as problem:
            results.append("FAIL")
            failures.append(f"{name}: {title}: {problem}")
    print(f"| {name} | " + " | ".join(results) + " |", flush=True)


class Checks:
    """The checks of one checkpoint, in the order of CHECKS. Each gives the cell of the table."""
    ALL = ["loads", "scores", "continues", "goes_round", "trains", "trains_adapter", "merges", "goes_on"]

    def __init__(self, hone, folder, case, seed):
        self.hone, self.folder, self.case = hone, folder, case
        self.base = folder / "base"
        self.write_data()
        self.write_model(seed)
        self.model = self.adapter = None

    def write_data(self):
        rows = [line.split(" ", 4) for line in TEXT.splitlines()]
        rows = [(" ".join(words[:4]), " " + words[4]) for words in rows]
        pairs = [dict(prompt=prompt, chosen=chosen, rejected=other[1]) for (prompt, chosen), other
                 in zip(rows, rows[1:] + rows[:1])]
        lines = [dict(prompt=prompt, response=response) for prompt, response in rows]
        self.pairs, self.rows = self.folder / "pairs.jsonl", self.folder / "rows.jsonl"
        self.pairs.write_text("".join(json.dumps(row) + "\n" for row in pairs))
        self.rows.write_text("".join(json.dumps(row) + "\n" for row in lines))

    def write_model(self, seed):
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=["<s>", "</s>"], show_progress=False,
                                      initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
        tokenizer.train_from_iterator(TEXT.splitlines(), trainer)
        kind = getattr(transformers, self.case["architecture"] + "Config")
        config = kind(**(SHAPE | dict(vocab_size=tokenizer.get_vocab_size()) | self.case["changes"]))
        torch.manual_seed(seed)
        model = transformers.AutoModelForCausalLM.from_config(config)
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:  # norms and biases as training leaves them: not all alike
                parameter.data += 0.2 * torch.randn_like(parameter)
        model.to(getattr(torch, self.case["dtype"])).save_pretrained(self.base, max_shard_size=self.case["shard"])
        tokenizer.save(str(self.base / "tokenizer.json"))
        (self.base / "tokenizer_config.json").write_text(json.dumps(
            dict(tokenizer_class="PreTrainedTokenizerFast", bos_token="<s>", eos_token="</s>", add_bos_token=False)))
        if self.case["shard"] != "5GB":
            require((self.base / "model.safetensors.index.json").exists(), "the checkpoint has a single file")

    # The checkpoint as it came

    def loads(self):
        self.model = check_hf.load(self.asking(self.base))
        return "ok"

    def scores(self):
        return self.compare_scores(self.model, self.asking(self.base))

    def continues(self):
        return self.compare_greedy(self.model, self.asking(self.base))

    def goes_round(self):
        """A step too small to change a number: what was loaded is saved."""
        out = self.run("round", "sft", self.rows, "train: {steps: 1, learning_rate: 1.0e-30}\n")
        check_hf.load(self.asking(out))
        return self.compare_tensors(out, self.base)

    # What hone trains

    def trains(self):
        out = self.run("full", "sft", self.rows, "train: {steps: 6, microbatch: 2, learning_rate: 3.0e-3}\n")
        return self.compare(self.asking(out))

    def trains_adapter(self):
        """An adapter, started again from itself: both folders are PEFT's."""
        train = "train: {steps: 6, microbatch: 2, learning_rate: 1.0e-2}\n"
        first = self.run("lora", "sft", self.rows, LORA % self.case["lora"] + train)
        self.compare(self.asking(self.base, first))
        self.adapter = self.run("again", "sft", self.rows, f"adapter: {{start: {first}, merge: true}}\n" + train)
        return self.compare(self.asking(self.base, self.adapter))

    def merges(self):
        """The merged model alone says what base and adapter say."""
        require(self.adapter, "there is no adapter")
        return self.compare(self.asking(self.adapter / "merged"))

    def goes_on(self):
        """DPO from an adapter, against the base and against the adapter it starts from: only the latter starts at 0."""
        require(self.adapter, "there is no adapter")
        losses = []
        for reference in ["adapter_off", "initial_adapter"]:
            out = self.run(reference, "dpo", self.pairs, f"""\
adapter: {{start: {self.adapter}}}
reference: {reference}
train: {{steps: 2, microbatch: 3, learning_rate: 1.0e-3}}
""")
            self.compare(self.asking(self.base, out))
            log = (out.parent / "metrics.jsonl").read_text().splitlines()
            losses.append(next(row["loss"] for row in map(json.loads, log) if "loss" in row))
        require(abs(losses[1] - 0.693147) < 1e-5, f"against the initial adapter the first loss is {losses[1]}")
        require(abs(losses[0] - 0.693147) > 1e-4, f"against the base the first loss is {losses[0]}")
        return "ok"

    # Means

    def asking(self, model, adapter=None):
        return Namespace(hone=self.hone, model=str(model), adapter=adapter and str(adapter), data=str(self.pairs),
                         any_tokens=False, tokens=24)

    def run(self, name, method, data, rest):
        spec, out = self.folder / f"{name}.yaml", self.folder / name
        spec.write_text(f"name: {name}\nmethod: {method}\nmodel: {self.base}\n"
                        f"dataset: {{train: {data}, tokenize: joint}}\n{rest}")
        done = subprocess.run([self.hone, "run", str(spec), "--output", str(out)], capture_output=True, text=True)
        require(done.returncode == 0, f"hone run {name}: exit {done.returncode}: {(done.stdout + done.stderr)[-600:]}")
        return out / "artifacts"

    def compare(self, asked):
        model = check_hf.load(asked)
        worst = self.compare_scores(model, asked)
        self.compare_greedy(model, asked)
        return worst

    def compare_scores(self, model, asked):
        return f"{check_hf.check_scores(model, asked, quiet=True):.0e}"

    def compare_greedy(self, model, asked):
        return f"{sum(check_hf.check_generation(model, asked, prompt, quiet=True) for prompt in PROMPTS)} ids"

    @staticmethod
    def compare_tensors(written, source):
        mine, theirs = checkpoint_tensors(written), checkpoint_tensors(source)
        require(mine.keys() == theirs.keys(), f"only in one of the two: {sorted(mine.keys() ^ theirs.keys())}")
        for name, tensor in theirs.items():
            require(torch.equal(mine[name].float(), tensor.float()), f"{name} differs")
        return f"{len(mine)} equal"


if __name__ == "__main__":
    main()
