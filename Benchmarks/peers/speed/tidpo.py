#!/usr/bin/env python3
"""A TI-DPO step as a plain PyTorch program: importances by an attribution pass of their own, weighted DPO, and with
--anchor a triplet term on log-ratios whose anchors the policy generates."""
import copy

import torch
import torch.nn.functional as F
import timed
from pairs import Batch

BETA, MIX, TRIPLET, MARGIN = 0.1, 0.7, 0.1, 1.0


def importances(model, batch):
    """Norms of the gradient of the last position's largest logit, mixed with the Gaussian prior; mean one."""
    embeddings = model.get_input_embeddings()(batch.ids).detach().requires_grad_(True)
    hidden = batch.hidden(model, embeddings)
    rows = torch.arange(len(batch.lengths))
    top = model.lm_head(hidden[rows, batch.ends - 1]).float().amax(-1).sum()
    gradient, = torch.autograd.grad(top, embeddings)
    norms = gradient.float().abs().sum(-1)[batch.sequences, batch.tokens]
    weights = []
    for norm, count in zip(norms.split(batch.lengths), batch.lengths):
        place = torch.arange(count) + 1.0
        prior = torch.exp(-0.5 * ((place - (count + 1) / 2) / max(count / 4, 1)) ** 2)
        mixed = MIX * norm / (norm.sum() + 1e-12) + (1 - MIX) * prior / prior.sum()
        weights.append(mixed / mixed.sum() * count)
    return torch.cat(weights).detach()


def anchors(model, prompts, count, precision):
    """The policy's own continuations, greedy, prompts padded on the left."""
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts])
    with torch.no_grad(), precision:
        found = model.generate(ids, attention_mask=mask, max_new_tokens=count, min_new_tokens=count, do_sample=False,
                               use_cache=True, pad_token_id=0)
    return [row[longest:].tolist() for row in found]


def main():
    arguments = timed.parser(__doc__)
    arguments.add_argument("--anchor", type=int, default=0, help="tokens of a generated anchor; 0: no triplet")
    arguments.add_argument("--precompute", action="store_true", help="reference scores of the responses are known")
    options = timed.parsed(arguments)
    base = timed.opened(options)
    reference = None if options.rank else copy.deepcopy(base).eval().requires_grad_(False)
    trained = timed.adapted(base, options).train()
    update = timed.optimizer(trained)
    rows = timed.batches(timed.token_rows(options, "prompt", "chosen", "rejected"), options.batch)

    def reference_scores(batch):
        with torch.no_grad():
            if reference is not None:
                return batch.log_probabilities(reference, batch.hidden(reference))
            with trained.disable_adapter():
                return batch.log_probabilities(base, batch.hidden(base))

    known = {}

    def reference_of(batch):
        if not options.precompute:
            return reference_scores(batch)
        key = tuple(batch.targets.tolist())
        return known[key]

    def remember(pairs):
        batch = Batch.of(pairs)
        known[tuple(batch.targets.tolist())] = reference_scores(batch)

    upcoming = [next(rows) for _ in range(options.warmup + options.repeats)]
    if options.precompute:
        for pairs in upcoming:
            remember(pairs)

    def step():
        pairs = upcoming.pop(0)
        prompts = [p for p, _, _ in pairs]
        batch = Batch.of(pairs)
        sampled = None
        if options.anchor:
            found = anchors(base, prompts, options.anchor, timed.autocast(options))
            sampled = Batch(prompts, found)
        with timed.autocast(options):
            weights = importances(base, batch)
            ratios = batch.log_probabilities(base, batch.hidden(base)) - reference_of(batch)
            chosen, rejected = batch.sums(ratios * weights).chunk(2)
            loss = -F.logsigmoid(BETA * (chosen - rejected)).mean()
            if sampled:
                own = sampled.log_probabilities(base, sampled.hidden(base)) - reference_scores(sampled)
                good, bad = batch.sums(ratios).chunk(2)
                anchor = sampled.sums(own)
                pull, push = (anchor - good) ** 2, (anchor - bad) ** 2
                loss = loss + TRIPLET * F.relu(pull - push + MARGIN).mean()
        loss.backward()
        timed.clipped_step(trained, update)
        return loss.detach()

    timed.measured(options, step)


if __name__ == "__main__":
    main()
