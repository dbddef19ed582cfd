"""Prefix sharing: one packed sequence per pair whose numbers equal those of the separate rows."""
import torch

from .golden import FINGERPRINT, Golden, agree, fingerprints, power_of_ten
from .models import parameter_order
from .network import gradients, token_logprobs
from .preference import LOSSES, Terms, add_tokens, scored_pairs, softplus
from .settings import PREFERENCE
from .tidpo import attribution_target, importances

SHARED = -1  # owner of the prompt tokens
LAYOUTS = {  # name: (branches, whether later branches repeat the last prompt token, description)
    "pair": (("chosen", "rejected"), True, "prompt, chosen, copy of the last prompt token, rejected"),
    "tree": (("chosen", "rejected", "anchor"), True, "prompt, chosen, copy, rejected, copy, anchor"),
    "pair_nocopy": (("chosen", "rejected"), False,
                    "prompt, chosen, rejected; both first tokens are predicted by the last prompt row"),
    "tree_nocopy": (("chosen", "rejected", "anchor"), False, "prompt, chosen, rejected, anchor; no copies"),
}


class Packed:
    """ids, positions, mask [N, N] (True = row may see column), and per branch the rows that predict its tokens."""

    def __init__(self, prompt, branches, copies):
        last = len(prompt) - 1
        self.ids, self.positions, self.rows = list(prompt), list(range(len(prompt))), []
        owners = [SHARED] * len(prompt)
        for number, branch in enumerate(branches):
            first = last
            if copies and number > 0:
                first = len(self.ids)
                self._append(prompt[-1:], last, owners, number)
            start = len(self.ids)
            self._append(branch, len(prompt), owners, number)
            self.rows.append([first, *range(start, start + len(branch) - 1)])
        owner, place = torch.tensor(owners), torch.arange(len(owners))
        own = owner[:, None] == owner[None, :]
        prompt_seen = (owner == SHARED).expand(len(owners), -1).clone()
        if copies:  # a later branch sees its own copy of the last prompt token instead of the original
            prompt_seen[owner > 0, last] = False
        self.mask = (place[:, None] >= place[None, :]) & (own | prompt_seen)

    def _append(self, tokens, position, owners, number):
        self.ids += tokens
        self.positions += range(position, position + len(tokens))
        owners += [number] * len(tokens)

    def logits(self, network, rows=None):
        return network.logits(self.ids if rows is None else None, rows, self.positions, self.mask)


def prefix_fixture(bench, base):
    policy, reference = bench.network(base), bench.network(f"{base}_ref")
    named = [(n, policy.weights[n]) for n in parameter_order(bench.models / base)]
    data = bench.pairs(base)
    golden = Golden(f"prefix_{base}", "prefix sharing: several responses of one prompt in one packed sequence, "
                    f"policy models/{base}",
                    {"beta": PREFERENCE["beta"], "loss": "DPO sigmoid over the pairs (branches 0 and 1), mean"},
                    policy=base, reference=f"{base}_ref", param_order=[n for n, _ in named],
                    layouts={name: text for name, (_, _, text) in LAYOUTS.items()})
    add_tokens(golden, data, ("prompt", "chosen", "rejected", "anchor"))
    rows = scored_pairs(policy, reference, data, ("chosen", "rejected", "anchor"))
    loss = LOSSES["sigmoid"][0](Terms(rows))[0].mean()
    slopes = gradients(loss, named)
    golden.add("loss", loss, "DPO sigmoid loss from separate rows; every packed layout gives the same number")
    golden.add("grad_fp", fingerprints(slopes.values()), f"its gradient: {FINGERPRINT}")
    for name in LAYOUTS:
        _add_layout(golden, name, policy, data, rows, named, loss, slopes)
    _add_attribution(golden, policy, data)
    return golden


def _add_layout(golden, name, policy, data, rows, named, loss, slopes):
    branches, copies, _ = LAYOUTS[name]
    deltas, worst = [], 0.0
    for i, pair in enumerate(data):
        packed = Packed(pair["prompt"], [pair[b] for b in branches], copies)
        logits, ratios = packed.logits(policy), {}
        golden.add(f"{name}.pair{i}.ids", packed.ids, "packed token ids [N]")
        golden.add(f"{name}.pair{i}.positions", packed.positions, "position ids [N]")
        golden.add(f"{name}.pair{i}.mask", packed.mask, "attention mask [N, N], 1 = row may see column")
        for branch, predicting in zip(branches, packed.rows):
            logp, separate = token_logprobs(logits[predicting], pair[branch]), rows[i][branch]
            worst = max(worst, agree(logp, separate.logp, 1e-12, f"{golden.name}: {name} {branch}"))
            ratios[branch] = logp - separate.reference
            golden.add(f"{name}.pair{i}.{branch}.rows", predicting, "logits row that predicts each response token [T]")
            if name == "pair":
                golden.add(f"pair{i}.{branch}.policy_logps", logp, "policy log-probs, equal in all layouts")
                golden.add(f"pair{i}.{branch}.ref_logps", separate.reference, "reference log-probs")
        deltas.append(ratios["chosen"].sum() - ratios["rejected"].sum())
    shared = softplus(-PREFERENCE["beta"] * torch.stack(deltas)).mean()
    worst = max(worst, agree(shared, loss, 1e-13, f"{golden.name}: {name} loss"))
    for parameter, slope in gradients(shared, named).items():
        worst = max(worst, agree(slope, slopes[parameter], 1e-12, f"{golden.name}: {name} {parameter}"))
    golden.checks[f"{name}: log-probs, loss and gradients against separate rows"] = power_of_ten(worst)


def _add_attribution(golden, policy, data):
    """The sum of both branches' targets attributes response tokens exactly: a branch cannot see the other one."""
    worst = 0.0
    for target in ("predict_last", "after_last"):
        for i, pair in enumerate(data):
            packed = Packed(pair["prompt"], [pair["chosen"], pair["rejected"]], True)
            rows = policy.embedded(packed.ids).detach().requires_grad_(True)
            logits, value = packed.logits(policy, rows), 0.0
            for side, predicting in zip(("chosen", "rejected"), packed.rows):
                path = predicting + [predicting[-1] + 1]
                value = value + attribution_target(logits[path], pair[side], 1, target)[0]
            (slope,) = torch.autograd.grad(value, rows)
            slope = slope.abs().sum(-1)
            for side, predicting in zip(("chosen", "rejected"), packed.rows):
                length = len(pair["prompt"])
                separate = importances(policy, pair["prompt"] + pair[side], length, target)[0][length:]
                start = predicting[-1] + 2 - len(pair[side])
                worst = max(worst, agree(slope[start:start + len(pair[side])], separate, 1e-12,
                                         f"{golden.name}: packed attribution of {side}"))
                if target == "predict_last":
                    golden.add(f"pair{i}.{side}.importance.predict_last", separate,
                               "response importances; one backward through the packed pair gives the same")
    golden.checks["response importances from one packed backward against separate rows"] = power_of_ten(worst)
