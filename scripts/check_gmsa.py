"""The comparison behind scripts/check-gmsa: small random models of each family, trained into compressors by hone and
loaded with stock transformers by the class that stands in the artifacts' own README.md."""
import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors import safe_open
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

TEXT = """One day Mia went to the park with a red ball. Ben was there too. Ben was sad, so Mia gave him the ball.
They played together until it was dark. After lunch Tom went to the kitchen; the cake was gone! Who ate the cake?
Anna said: "I did not." Max laughed and showed 3 plates, 12 cups and 1 spoon. In spring the garden is green."""
QUESTIONS = ["Who was sad?", " What was gone after lunch?", "How many plates did Max show? Answer:"]
RATES = [1, 2, 3, 4, 7]
SHAPE = dict(hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=512, initializer_range=0.15, bos_token_id=0, eos_token_id=1, pad_token_id=None)
FAMILIES = {
    "llama": ("Llama", dict(tie_word_embeddings=True)),
    "qwen2": ("Qwen2", dict(tie_word_embeddings=False)),
    "qwen3": ("Qwen3", dict(tie_word_embeddings=True, head_dim=20)),
}
TOKENS = 24


def main():
    parser = argparse.ArgumentParser(prog="check-gmsa")
    parser.add_argument("--hone", required=True)
    parser.add_argument("--family", action="append", choices=sorted(FAMILIES))
    parser.add_argument("--keep", help="a folder to work in and leave behind")
    parser.add_argument("--tolerance", type=float, default=1e-5, help="of soft tokens, relative to the largest")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    failures = 0
    with tempfile.TemporaryDirectory() as scratch:
        for number, name in enumerate(arguments.family or FAMILIES):
            folder = Path(arguments.keep or scratch) / name
            folder.mkdir(parents=True)
            failures += Check(arguments.hone, folder, name, arguments.tolerance).run(number)
    sys.exit(1 if failures else 0)


class Check:
    def __init__(self, hone, folder, name, tolerance):
        self.hone, self.folder, self.name, self.tolerance = hone, folder, name, tolerance
        self.failures = 0

    def run(self, seed):
        self.write_model(seed)
        self.write_data()
        cut = self.train("segments", "gmsa-autoencoder", """\
dataset: {train: text.txt, max_length: 64}
objective:
  encoder: {layers: 2, lora_rank: 8, lora_alpha: 8}
  rates: {train: [4, 2]}
  segment: {tokens: 22, overlap: 5}
train: {steps: 8, microbatch: 2, learning_rate: 1.0e-2}
""")
        first = self.train("autoencoder", "gmsa-autoencoder", """\
dataset: {train: text.txt, max_length: 64}
objective:
  encoder: {layers: 2, lora_rank: 8, lora_alpha: 8}
  rates: {train: [4, 2]}
train: {steps: 8, microbatch: 2, learning_rate: 1.0e-2}
""")
        second = self.train("finetune", "gmsa-finetune", f"""\
compressor: {first}
dataset: {{train: questions.jsonl, columns: {{text: input, prompt: prompt, response: answer}}}}
objective:
  prompt: {{qa_template: "Question: {{prompt}} Answer:"}}
  rates: {{train: [4, 2]}}
train: {{steps: 8, microbatch: 2, learning_rate: 1.0e-2}}
""")
        for artifacts in [cut, first, second]:
            self.compare(artifacts)
        self.append(first)
        self.refuse(first)
        return self.failures

    def append(self, artifacts):
        """A text in two pieces, tokenized apart, is the text."""
        cut = TEXT.index(" Ben was there")
        (self.folder / "context.txt").write_text(TEXT)
        for name, text in [("a.txt", TEXT[:cut]), ("b.txt", TEXT[cut:])]:
            (self.folder / name).write_text(text)
            self.call("compress", "--model", artifacts, "--input", name, "--append", "--output", "ab.gmsa.safetensors")
        loader = self.loader(artifacts)
        ids = torch.cat([loader.ids(TEXT[:cut]), loader.ids(TEXT[cut:])], 1)
        loader.ids = lambda text: ids
        whole = loader.compress(TEXT)
        with safe_open(self.folder / "ab.gmsa.safetensors", "pt") as opened:
            ours = opened.get_tensor("soft_tokens")
        worst = ((ours - whole).abs().max() / whole.abs().max()).item()
        self.require(worst <= self.tolerance, f"appended soft tokens differ by {worst:.2e}")
        print(f"| {self.name} | appended | {worst:.1e} | |", flush=True)

    def refuse(self, artifacts):
        """Every wrong input ends with a message and makes no file."""
        second = self.train("other", "gmsa-autoencoder", """\
dataset: {train: text.txt, max_length: 64}
objective: {encoder: {layers: 1, lora_rank: 8, lora_alpha: 8}}
train: {steps: 1, microbatch: 1, learning_rate: 1.0e-2}
""")
        (self.folder / "empty.txt").write_text("")
        (self.folder / "endless.txt").write_text(TEXT * 20)
        file = self.folder / "long-4.gmsa.safetensors"
        damaged = bytearray(file.read_bytes())
        damaged[-9] ^= 1
        (self.folder / "damaged.gmsa.safetensors").write_bytes(damaged)
        (self.folder / "short.gmsa.safetensors").write_bytes(file.read_bytes()[:-50])
        compress = ["compress", "--model", artifacts, "--output", "refused.gmsa.safetensors", "--input"]
        ask = ["--question", "Who?", "--context"]
        for command, code, word in [
            ([*compress, "empty.txt"], 1, "no tokens"),
            ([*compress, "endless.txt"], 1, "--segment"),
            ([*compress, "context.txt", "--rate", 0], 2, "--rate"),
            ([*compress, "missing.txt"], 1, "missing.txt"),
            (["ask", "--model", second, *ask, file], 1, "another compressor"),
            (["ask", "--model", artifacts, *ask, "damaged.gmsa.safetensors"], 1, "damaged"),
            (["ask", "--model", artifacts, *ask, "short.gmsa.safetensors"], 1, "truncated"),
            (["ask", "--model", artifacts, *ask, "base/model.safetensors"], 1, "soft-token file"),
            (["ask", "--model", artifacts, "--question", "Who?"], 2, "--context"),
        ]:
            done = subprocess.run([self.hone, *map(str, command)], cwd=self.folder, capture_output=True, text=True)
            text = done.stdout + done.stderr
            self.require(done.returncode == code and word in text, f"{command}: ended with {done.returncode}: {text}")
        self.require(not (self.folder / "refused.gmsa.safetensors").exists(), "a refused text left a file")
        self.call(*compress, "endless.txt", "--segment", 200)

    def compare(self, artifacts):
        loader = self.loader(artifacts)
        worst, answers = 0.0, 0
        for kind, text in [("short", TEXT[:9]), ("long", TEXT)]:
            (self.folder / "context.txt").write_text(text)
            for rate in RATES:
                file = self.folder / f"{kind}-{rate}.gmsa.safetensors"
                self.call("compress", "--model", artifacts, "--input", "context.txt", "--rate", rate, "--output", file)
                soft = loader.compress(text, rate)
                with safe_open(file, "pt") as opened:
                    ours = opened.get_tensor("soft_tokens")
                self.require(ours.shape == soft.shape, f"rate {rate}: shapes {ours.shape} and {soft.shape}")
                if ours.shape != soft.shape:
                    continue
                worst = max(worst, ((ours - soft).abs().max() / soft.abs().max()).item())
                command = ["ask", "--model", artifacts, "--context", file, "--max-new", TOKENS, "--json"]
                for question in QUESTIONS:
                    command += ["--question", question]
                for question, line in zip(QUESTIONS, self.call(*command).strip("\n").split("\n"), strict=True):
                    expected, found = loader.ask(soft, question, TOKENS), json.loads(line)["text"]
                    self.require(found == expected, f"rate {rate}, {question!r}: {found!r} and {expected!r}")
                    answers += 1
        self.require(worst <= self.tolerance, f"soft tokens differ by {worst:.2e}")
        print(f"| {self.name} | {artifacts.parent.name} | {worst:.1e} | {answers} answers of {TOKENS} tokens |", flush=True)

    def loader(self, artifacts):
        """The class of the model card, on the artifacts."""
        card = (artifacts / "README.md").read_text()
        names = {}
        exec(re.search(r"```python\n(.*?)```", card, re.S).group(1), names)
        decoder = artifacts / "decoder"
        return names["Compressor"](str(artifacts), str(decoder if decoder.exists() else self.folder / "base"))

    def require(self, is_right, problem):
        if not is_right:
            self.failures += 1
            print(f"{self.name}: {problem}", file=sys.stderr)

    def train(self, name, method, rest):
        (self.folder / f"{name}.yaml").write_text(f"name: {name}\nmethod: {method}\nmodel: base\n{rest}")
        self.call("run", f"{name}.yaml", "--output", name)
        return (self.folder / name / "artifacts").resolve()

    def call(self, *command):
        done = subprocess.run([self.hone, *map(str, command)], cwd=self.folder, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"hone {' '.join(map(str, command))} ended with {done.returncode}:\n{done.stderr}{done.stdout}")
        return done.stdout

    def write_data(self):
        (self.folder / "text.txt").write_text(TEXT)
        rows = [dict(input=line, prompt=question, answer=line[:12]) for line, question
                in zip(TEXT.splitlines(), QUESTIONS)]
        (self.folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def write_model(self, seed):
        base = self.folder / "base"
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.train_from_iterator(TEXT.splitlines(), trainers.BpeTrainer(
            vocab_size=320, special_tokens=["<s>", "</s>"], show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
        architecture, changes = FAMILIES[self.name]
        config = getattr(transformers, architecture + "Config")(
            **(SHAPE | dict(vocab_size=tokenizer.get_vocab_size()) | changes))
        torch.manual_seed(seed)
        model = transformers.AutoModelForCausalLM.from_config(config)
        for parameter in model.parameters():
            if parameter.ndim == 1:  # norms and biases as training leaves them: not all alike
                parameter.data += 0.2 * torch.randn_like(parameter)
        model.save_pretrained(base)
        tokenizer.save(str(base / "tokenizer.json"))
        (base / "tokenizer_config.json").write_text(json.dumps(
            dict(tokenizer_class="PreTrainedTokenizerFast", bos_token="<s>", eos_token="</s>", add_bos_token=False)))


main()
