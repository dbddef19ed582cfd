"""The comparison behind scripts/check-hf.

`hone score` writes one JSON line per row: for chosen and rejected an object with prompt_ids, ids and logps.
`hone generate --json` prints an object with prompt_ids and ids."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import torch
import transformers
from peft import PeftModel
from safetensors import safe_open
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

LOGP_TOLERANCE = 1e-4
MERGED_TOLERANCE = 1e-3  # logits; merging rounds every weight once


class Mismatch(Exception):
    pass


def require(condition, text):
    if not condition:
        raise Mismatch(text)


def load(arguments):
    """The model in float32, with the adapter when there is one; nothing may be missing or left over."""
    model, info = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32, output_loading_info=True)
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        require(not info.get(problem), f"{arguments.model}: {problem}: {sorted(map(str, info[problem]))}")
    if arguments.adapter:
        model = PeftModel.from_pretrained(model, arguments.adapter)
        stored = tensors(Path(arguments.adapter) / "adapter_model.safetensors")
        loaded = {n.replace(".default", "").replace("modules_to_save.", ""): p for n, p in model.named_parameters()}
        for name, tensor in stored.items():
            where = f"{arguments.adapter}: {name}"
            require(name in loaded, f"{where} has no place in the model")
            require(torch.equal(loaded[name].data.float(), tensor.float()), f"{where} loads changed")
    return model.eval()


def tensors(path):
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def checkpoint_tensors(folder):
    found = {}
    for path in sorted(Path(folder).glob("*.safetensors")):
        found |= tensors(path)
    return found


def hone(arguments, *words):
    command = [arguments.hone, *words, "--model", arguments.model]
    if arguments.adapter:
        command += ["--adapter", arguments.adapter]
    done = subprocess.run(command, capture_output=True, text=True)
    require(done.returncode == 0, f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


@torch.no_grad()
def logits(model, ids):
    return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].float()


def check_scores(model, arguments, quiet=False):
    """The largest difference of a log-probability."""
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "scores.jsonl"
        hone(arguments, "score", "--data", arguments.data, "--output", str(output))
        scores = [json.loads(line) for line in output.read_text().splitlines()]
    rows = [json.loads(line) for line in Path(arguments.data).read_text(encoding="utf-8").splitlines()]
    require(len(scores) == len(rows), f"hone score wrote {len(scores)} lines for {len(rows)} rows")
    tokenizer = Tokenizer.from_file(str(Path(arguments.model) / "tokenizer.json"))
    worst, count = 0.0, 0
    for number, (row, score) in enumerate(zip(rows, scores), 1):
        for side in ("chosen", "rejected"):
            prompt, ids = score[side]["prompt_ids"], score[side]["ids"]
            if isinstance(row["prompt"], str) and not arguments.any_tokens:
                expected = tokenizer.encode(row["prompt"] + row[side]).ids
                require(prompt + ids == expected,
                        f"row {number} {side}: ids {prompt + ids}, the tokenizers library gives {expected}")
            rated = torch.log_softmax(logits(model, prompt + ids)[len(prompt) - 1:-1], -1)
            theirs = rated.gather(1, torch.tensor(ids)[:, None])[:, 0]
            mine = torch.tensor(score[side]["logps"])
            require(len(mine) == len(ids), f"row {number} {side}: {len(mine)} log-probabilities for {len(ids)} tokens")
            off = float((mine - theirs).abs().max())
            require(off <= LOGP_TOLERANCE, f"row {number} {side}: log-probabilities differ by {off:.2e}")
            worst, count = max(worst, off), count + len(ids)
    if not quiet:
        print(f"scores: {len(rows)} rows, {count} tokens, largest difference {worst:.1e} (allowed {LOGP_TOLERANCE:.0e})")
    return worst


def check_generation(model, arguments, prompt, quiet=False):
    """The number of equal ids."""
    answer = json.loads(hone(arguments, "generate", "--prompt", prompt, "--max-new", str(arguments.tokens),
                             "--temperature", "0", "--json"))
    ids, lead = list(answer["prompt_ids"]), float("inf")
    for place, token in enumerate(answer["ids"]):
        best = torch.topk(logits(model, ids)[-1], 2)
        require(int(best.indices[0]) == token,
                f"{prompt!r}: token {place} is {token}, transformers says {int(best.indices[0])}")
        lead = min(lead, float(best.values[0] - best.values[1]))
        ids.append(token)
    ended = answer["ids"][-1:] == [model.config.eos_token_id]
    if len(answer["ids"]) < arguments.tokens and not ended:
        following = int(logits(model, ids)[-1].argmax())
        require(following == model.config.eos_token_id,
                f"{prompt!r}: hone stops after {len(answer['ids'])} tokens, transformers goes on with {following}")
    if not quiet:
        print(f"greedy: {prompt!r}: {len(answer['ids'])} ids equal, smallest lead {lead:.1e}")
    return len(answer["ids"])


def check_merge(model, arguments, prompt):
    """PEFT can fold the adapter into the model, and that changes nothing."""
    ids = Tokenizer.from_file(str(Path(arguments.model) / "tokenizer.json")).encode(prompt).ids
    before = logits(model, ids)
    off = float((logits(model.merge_and_unload(), ids) - before).abs().max())
    require(off <= MERGED_TOLERANCE, f"merged by PEFT the logits differ by {off:.1e}")
    print(f"merge: PEFT's merged model differs by {off:.1e}")


def check_same(arguments):
    mine, other = checkpoint_tensors(arguments.model), checkpoint_tensors(arguments.same_as)
    require(mine.keys() == other.keys(), f"only in one of the two: {sorted(mine.keys() ^ other.keys())}")
    for name, tensor in mine.items():
        require(tensor.dtype == other[name].dtype and torch.equal(tensor, other[name]), f"{name} differs")
    print(f"round trip: {len(mine)} tensors equal, bit for bit")


def main():
    parser = argparse.ArgumentParser(prog="check-hf")
    parser.add_argument("--hone", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--adapter")
    parser.add_argument("--data")
    parser.add_argument("--prompt", action="append", default=[])
    parser.add_argument("--tokens", type=int, default=40)
    parser.add_argument("--any-tokens", action="store_true", help="do not compare prompt ids (joint tokenization)")
    parser.add_argument("--same-as")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    try:
        model = load(arguments)
        print(f"load: {arguments.model}" + (f" with {arguments.adapter}" if arguments.adapter else "") + ": complete")
        if arguments.data:
            check_scores(model, arguments)
        for prompt in arguments.prompt:
            check_generation(model, arguments, prompt)
        if arguments.adapter and arguments.prompt:
            check_merge(model, arguments, arguments.prompt[0])
        if arguments.same_as:
            check_same(arguments)
    except Mismatch as problem:
        sys.exit(f"check-hf: {problem}")


if __name__ == "__main__":
    main()
