#!/usr/bin/env python3
"""DPO and TI-DPO (preset paper_eq) as a plain PyTorch loop, measured on an evaluation set.

TI-DPO weighs every token's log-ratio by lambda * its share of the attribution gradient + (1 - lambda) * a Gaussian
prior, scaled to mean one, and adds gamma * a triplet term whose anchor is sampled from the policy."""
import time

from arguments import record, training_parser  # sets the environment of transformers first

import torch
import transformers
from torch.nn.functional import softplus
from transformers import AutoModelForCausalLM

from attribution import importances, mixed_weights
from preference_rows import PairTokenizer, both_sides, learning_rate, measured, response_logps, warmup_steps

SIDES = ("chosen", "rejected")


def parser():
    p = training_parser(__doc__)
    p.add_argument("--method", choices=("dpo", "ti-dpo"), default="ti-dpo")
    p.add_argument("--lambda", dest="lam", type=float, default=0.7)
    p.add_argument("--sigma-div", type=float, default=4.0)
    p.add_argument("--gamma", type=float, default=0.1)
    p.add_argument("--triplet-margin", type=float, default=0.1)
    p.add_argument("--anchor-max-new", type=int, default=64)
    return p


@torch.no_grad()
def sampled_anchors(policy, prompts, count, eos):
    """One sampled response per prompt, with its EOS when it came. Prompts are padded on the left."""
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    out = policy.generate(input_ids=ids, attention_mask=mask, max_new_tokens=count, do_sample=True, top_k=50,
                          top_p=0.95, temperature=0.8, eos_token_id=eos, pad_token_id=0)
    anchors = []
    for row in out[:, width:].tolist():
        anchors.append(row[:row.index(eos) + 1] if eos in row else row)
    return anchors


def overlap_distance(a, b):
    count = min(len(a), len(b))
    return (a[:count] - b[:count]).square().sum()


class Step:
    """Loss of one batch of pairs."""

    def __init__(self, policy, reference, arguments, eos):
        self.policy, self.reference, self.h, self.eos = policy, reference, arguments, eos
        self.triplets = 0

    def loss(self, pairs, cached):
        """`cached`: per side, the reference log-probs of these pairs."""
        prompts = [p["prompt_ids"] for p in pairs]
        responses = {side: [p[f"{side}_ids"] for p in pairs] for side in SIDES}
        weights = self._weights(prompts, responses)
        reference = dict(cached)
        if self._has_triplet:
            responses["anchor"] = sampled_anchors(self.policy, prompts, self.h.anchor_max_new, self.eos)
            with torch.no_grad():
                reference["anchor"] = response_logps(self.reference, prompts, responses["anchor"])
        flat = response_logps(self.policy, prompts * len(responses), sum(responses.values(), []))
        ratios = {side: [p - r for p, r in zip(flat[i * len(pairs):], reference[side])]
                  for i, side in enumerate(responses)}
        margin = {side: torch.stack([w @ r for w, r in zip(weights[side], ratios[side])]) for side in SIDES}
        loss = softplus(-self.h.beta * (margin["chosen"] - margin["rejected"])).mean()
        if self._has_triplet:
            loss = loss + self.h.gamma * self._triplet(ratios).mean()
        return loss

    @property
    def _has_triplet(self):
        return self.h.method == "ti-dpo" and self.h.gamma > 0

    def _weights(self, prompts, responses):
        if self.h.method == "dpo":
            return {side: [torch.ones(len(r)) for r in responses[side]] for side in SIDES}
        rows = [p + r for side in SIDES for p, r in zip(prompts, responses[side])]
        found = iter(importances(self.policy, rows))
        return {side: [mixed_weights(next(found)[len(p):], self.h.lam, self.h.sigma_div) for p in prompts]
                for side in SIDES}

    def _triplet(self, ratios):
        hinge = torch.stack([torch.relu(overlap_distance(a, c) - overlap_distance(a, r) + self.h.triplet_margin)
                             for a, c, r in zip(ratios["anchor"], ratios["chosen"], ratios["rejected"])])
        self.triplets += int((hinge > 0).sum())
        return hinge


def train(policy, reference, pairs, cached, h, eos):
    """Returns the number of steps and the share of pairs whose triplet term was active."""
    matrices, vectors = ([p for p in policy.parameters() if (p.ndim >= 2) == wanted] for wanted in (True, False))
    optimizer = torch.optim.AdamW([{"params": matrices}, {"params": vectors}], lr=h.learning_rate, weight_decay=0.0)
    order, total = torch.Generator().manual_seed(h.seed), h.epochs * (len(pairs) // h.batch)
    step, count = Step(policy, reference, h, eos), 0
    for _ in range(h.epochs):
        shuffled = torch.randperm(len(pairs), generator=order).tolist()
        for start in range(0, len(pairs) - h.batch + 1, h.batch):
            batch = shuffled[start:start + h.batch]
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(count, total, warmup_steps(h.warmup, total), h.learning_rate)
            loss = step.loss([pairs[i] for i in batch], {side: [cached[side][i] for i in batch] for side in SIDES})
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(policy.parameters(), h.clip)
            optimizer.step()
            count += 1
    return total, step.triplets / (total * h.batch)


def main():
    h = parser().parse_args()
    torch.set_num_threads(h.threads)
    torch.manual_seed(h.seed)
    tokenizer = PairTokenizer(h.model, h.tokenize)
    pairs, held_out = (tokenizer.pairs(path, h.max_length) for path in (h.train, h.eval))
    policy, reference = (AutoModelForCausalLM.from_pretrained(h.model, dtype=torch.float32).eval() for _ in "pr")
    before, cached = both_sides(reference, held_out), both_sides(reference, pairs)
    started = time.perf_counter()
    steps, active = train(policy, reference, pairs, cached, h, tokenizer.eos)
    seconds = time.perf_counter() - started
    if h.save:
        policy.save_pretrained(h.save)
    record(h, f"torch-{h.method}", steps=steps, seconds=round(seconds, 1),
           pairs_per_second=round(steps * h.batch / seconds, 2), triplet_active=round(active, 4),
           before=measured(before, before, held_out, h.beta),
           after=measured(both_sides(policy, held_out), before, held_out, h.beta),
           versions={m.__name__: m.__version__ for m in (transformers, torch)})


if __name__ == "__main__":
    main()
