"""Preference rows as token ids, and the measures every trainer here is judged by.

Tokens come from the tokenizers library reading tokenizer.json: transformers drops characters that file maps to
<unk>."""
import json
import math
from collections import defaultdict
from pathlib import Path

import torch
from tokenizers import Tokenizer

MEASURED_ROWS = 25  # rows of one forward pass in measurements


def read_jsonl(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def common_prefix(*texts):
    length = 0
    for tokens in zip(*texts):
        if len(set(tokens)) > 1:
            break
        length += 1
    return length


class PairTokenizer:
    """joint: prompt + response as one text, cut where the texts diverge (TRL's way). separate: each on its own; a
    response loses its leading space when the tokenizer prepends one. The beginning-of-text token goes before the
    prompt, the end-of-text token after each response."""

    def __init__(self, model_folder, mode):
        source = (Path(model_folder) / "tokenizer.json").read_text(encoding="utf-8")
        self.tokenizer, self.prepends_space = Tokenizer.from_str(source), '"type":"Prepend"' in source.replace(" ", "")
        config = json.loads((Path(model_folder) / "config.json").read_text())
        self.eos, self.mode = config["eos_token_id"], mode

    def ids(self, text):
        return self.tokenizer.encode(text).ids

    def continuation(self, text):
        """Ids of a response, and per token its character range in `text`."""
        skipped = 1 if self.prepends_space and text.startswith(" ") else 0
        found = self.tokenizer.encode(text[skipped:], add_special_tokens=False)
        return found.ids, [[start + skipped, end + skipped] for start, end in found.offsets]

    def pair(self, row):
        prompt = self.ids(row["prompt"])
        if self.mode == "separate":
            chosen, rejected = (self.continuation(row[side])[0] for side in ("chosen", "rejected"))
        else:
            whole = [self.ids(row["prompt"] + row[side]) for side in ("chosen", "rejected")]
            shared = min(common_prefix(prompt, ids) for ids in whole)
            prompt, (chosen, rejected) = prompt[:shared], (ids[shared:] for ids in whole)
        return {"prompt_ids": prompt, "chosen_ids": chosen + [self.eos], "rejected_ids": rejected + [self.eos]}

    def pairs(self, path, max_length):
        rows = read_jsonl(path)
        pairs = [self.pair(row) | {"source": row.get("source", "")} for row in rows]
        longest = max(len(p["prompt_ids"]) + max(len(p["chosen_ids"]), len(p["rejected_ids"])) for p in pairs)
        if longest > max_length:
            raise SystemExit(f"{path}: a row has {longest} tokens, more than max_length {max_length}")
        return pairs


def padded(rows):
    """Right-padded ids [rows, T] and attention mask."""
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return ids, mask


def response_logps(model, prompts, responses):
    """Log-probability of every response token, one vector per row."""
    ids, mask = padded([p + r for p, r in zip(prompts, responses)])
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1]
    logps = torch.log_softmax(logits.float(), -1).gather(2, ids[:, 1:, None])[..., 0]
    return [logps[i, len(p) - 1:len(p) + len(r) - 1] for i, (p, r) in enumerate(zip(prompts, responses))]


@torch.no_grad()
def side_logps(model, pairs, side):
    """One vector of token log-probabilities per pair."""
    found = []
    for start in range(0, len(pairs), MEASURED_ROWS):
        part = pairs[start:start + MEASURED_ROWS]
        found += response_logps(model, [p["prompt_ids"] for p in part], [p[f"{side}_ids"] for p in part])
    return found


def both_sides(model, pairs):
    return {side: side_logps(model, pairs, side) for side in ("chosen", "rejected")}


def measured(policy, reference, pairs, beta):
    """TRL's metrics over an evaluation set, from both_sides() of policy and reference."""
    total = {side: torch.stack([x.sum() for x in policy[side]]) for side in policy}
    reward = {side: beta * (total[side] - torch.stack([x.sum() for x in reference[side]])) for side in policy}
    mean = {side: torch.stack([x.mean() for x in policy[side]]) for side in policy}
    margin = reward["chosen"] - reward["rejected"]
    by_source = defaultdict(list)
    for pair, won in zip(pairs, (margin > 0).tolist()):
        by_source[pair["source"]].append(won)
    return {"rewards/accuracies": float((margin > 0).double().mean()),
            "rewards/margins": float(margin.mean()),
            "rewards/chosen": float(reward["chosen"].mean()),
            "rewards/rejected": float(reward["rejected"].mean()),
            "logps/chosen": float(total["chosen"].mean()),
            "logps/rejected": float(total["rejected"].mean()),
            "loss": float(torch.nn.functional.softplus(-margin).mean()),
            "prefers_chosen_per_token": float((mean["chosen"] > mean["rejected"]).double().mean()),
            "rewards/accuracies by source": {k: sum(v) / len(v) for k, v in sorted(by_source.items())}}


def learning_rate(step, total, warmup, peak):
    """Rises linearly over `warmup` steps, then falls linearly to 0; step counts from 0."""
    if step < warmup:
        return peak * step / warmup
    return peak * (total - step) / max(1, total - warmup)


def warmup_steps(share, total):
    return math.ceil(share * total)
