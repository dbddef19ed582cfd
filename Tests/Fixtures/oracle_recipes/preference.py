"""Per-token scores of preference pairs, the DPO family, and its fixture."""
from dataclasses import dataclass, replace

import torch
from torch.nn.functional import logsigmoid

from .golden import FINGERPRINT, Golden, agree, fingerprints
from .models import parameter_order
from .network import gradients
from .settings import PREFERENCE as H

SIDES = ("chosen", "rejected", "rejected2")


@dataclass
class Scored:
    """One response under policy and reference. Rows are those that predict its tokens."""
    logits: torch.Tensor
    logp: torch.Tensor
    reference: torch.Tensor
    forward_kl: torch.Tensor  # KL(reference || policy) per row
    reverse_kl: torch.Tensor  # KL(policy || reference) per row

    @property
    def ratio(self):
        return self.logp - self.reference

    def as_leaves(self):
        """The same numbers as independent inputs."""
        fresh = {name: getattr(self, name).detach().requires_grad_(True)
                 for name in ("logp", "forward_kl", "reverse_kl")}
        return replace(self, **fresh)


def response_logits(network, prompt, response):
    return network.logits(prompt + response)[len(prompt) - 1:-1]


def scored(policy, reference, prompt, response):
    z = response_logits(policy, prompt, response)
    p, q = torch.log_softmax(z, -1), torch.log_softmax(response_logits(reference, prompt, response).detach(), -1)
    pick = torch.as_tensor(response)[:, None]
    return Scored(z, p.gather(1, pick)[:, 0], q.gather(1, pick)[:, 0],
                  (q.exp() * (q - p)).sum(-1), (p.exp() * (p - q)).sum(-1))


def scored_pairs(policy, reference, data, sides):
    return [{side: scored(policy, reference, d["prompt"], d[side]) for side in sides} for d in data]


def softplus(x):
    return -logsigmoid(-x)


class Terms:
    """What the losses are made of, one entry per pair."""

    def __init__(self, pairs):
        self.pairs = pairs

    def over(self, side, of):
        return torch.stack([of(p[side]) for p in self.pairs])

    def difference(self, of):
        return self.over("chosen", of) - self.over("rejected", of)

    @property
    def delta(self):
        return self.difference(lambda s: s.ratio.sum())

    @property
    def mean_delta(self):
        return self.difference(lambda s: s.ratio.mean())

    def kl(self, side):
        return self.over(side, lambda s: s.forward_kl.sum())

    @property
    def rewards(self):
        return torch.stack([H["beta"] * self.over(side, lambda s: s.ratio.sum()) for side in SIDES], 1)


def _sigmoid(t):
    return softplus(-H["beta"] * t.delta), {"delta": t.delta}


def _cdpo(t):
    u, eps = H["beta"] * t.delta, H["label_smoothing"]
    return (1 - eps) * softplus(-u) + eps * softplus(u), {"delta": t.delta}


def _robust(t):
    u, eps = H["beta"] * t.delta, H["label_smoothing"]
    return ((1 - eps) * softplus(-u) - eps * softplus(u)) / (1 - 2 * eps), {"delta": t.delta}


def _ipo(delta):
    return (delta - 0.5 / H["ipo_tau"]).square(), {"delta": delta}


def _hinge(t, beta):
    return (1 - beta * t.delta).clamp(min=0), {"delta": t.delta}


def _sigmoid_norm(t):
    return softplus(-H["beta"] * t.mean_delta), {"delta": t.mean_delta}


def _simpo(t):
    u = H["simpo_beta"] * (t.difference(lambda s: s.logp.mean()) - H["simpo_ratio"])
    return softplus(-u), {"u": u}


def _tdpo1(t):
    u = t.delta + t.kl("chosen") - t.kl("rejected")
    return softplus(-H["beta"] * u), {"u": u}


def _tdpo2(t):
    u = t.delta - H["tdpo_alpha"] * (t.kl("rejected") - t.kl("chosen").detach())
    return softplus(-H["beta"] * u), {"u": u}


def _ranking(t, places):
    r = t.rewards
    return sum(r[:, k:].logsumexp(1) - r[:, k] for k in range(places)), {"rewards": r}


def _beta_dpo(t):
    h, kept, gap = H["beta_dpo"], H["beta_dpo"]["kept"], t.delta.detach()
    mean = h["ema"] * h["m_prev"] + (1 - h["ema"]) * gap.mean()
    spread = h["ema"] * h["s_prev"] + (1 - h["ema"]) * gap.std()
    beta = (H["beta"] * (1 + h["a"] * (gap[kept].mean() - mean))).clamp(min=h["beta_min"])
    omega = torch.exp(-((gap - mean) / spread).square() / 2)
    return softplus(-beta * t.delta[kept]), {"delta": t.delta, "m": mean, "s": spread, "omega": omega,
                                              "beta_batch": beta}


LOSSES = {  # name: (per-pair losses and intermediates from Terms, formula)
    "sigmoid": (_sigmoid, "softplus(-beta delta); delta = sum rho_chosen - sum rho_rejected"),
    "cdpo": (_cdpo, "(1-eps) softplus(-beta delta) + eps softplus(beta delta)"),
    "robust": (_robust, "[(1-eps) softplus(-beta delta) - eps softplus(beta delta)] / (1 - 2 eps)"),
    "ipo_norm": (lambda t: _ipo(t.mean_delta), "(delta - 1/(2 tau))^2, each side's rho averaged over its tokens"),
    "ipo_raw": (lambda t: _ipo(t.delta), "(delta - 1/(2 tau))^2, rho summed"),
    "hinge": (lambda t: _hinge(t, H["beta"]), "max(0, 1 - beta delta)"),
    "hinge_wide": (lambda t: _hinge(t, H["hinge_wide_beta"]), "hinge with hinge_wide_beta: a pair is past the margin"),
    "sigmoid_norm": (_sigmoid_norm, "softplus(-beta (mean rho_chosen - mean rho_rejected))"),
    "simpo": (_simpo, "softplus(-beta (mean lp_chosen - mean lp_rejected - ratio)); no reference"),
    "tdpo1": (_tdpo1, "softplus(-beta u), u = delta - (K_rejected - K_chosen), K = sum of forward KL"),
    "tdpo2": (_tdpo2, "softplus(-beta u), u = delta - alpha (K_rejected - stopgrad K_chosen)"),
    "softmax": (lambda t: _ranking(t, 1), "cross-entropy of chosen under softmax of beta sum rho over three responses"),
    "plackett_luce": (lambda t: _ranking(t, 2), "chosen > rejected > rejected2: sum_k logsumexp_{j>=k} r_j - r_k"),
    "beta_dpo": (_beta_dpo, "softplus(-beta_batch delta) on the kept pairs; beta_batch, m, s, omega are constants"),
}
WITH_KL = ("tdpo1", "tdpo2")
THREE_SIDED = ("softmax", "plackett_luce")
INTERMEDIATES = {"delta": "delta per pair", "u": "argument u per pair, beta not included (simpo: included)",
                 "rewards": "beta sum rho [pairs, 3]: chosen, rejected, rejected2",
                 "m": "running mean after the update", "s": "running (unbiased) deviation after the update",
                 "omega": "keep weights of all pairs", "beta_batch": "beta of the kept pairs"}


def add_tokens(golden, data, keys):
    for i, pair in enumerate(data):
        for key in keys:
            golden.add(f"pair{i}.{key}", pair[key], f"token ids of {key}" + ("" if key in ("prompt", "anchor")
                                                                              else ", EOS included"))


def add_scores(golden, rows, fields):
    meanings = {"policy_logps": ("logp", "policy log-prob of every response token [T]"),
                "ref_logps": ("reference", "reference log-prob of every response token [T]"),
                "kl_ref_policy": ("forward_kl", "KL(reference || policy) at the row predicting each token [T]"),
                "kl_policy_ref": ("reverse_kl", "KL(policy || reference) at the row predicting each token [T]")}
    for i, pair in enumerate(rows):
        for side, score in pair.items():
            for field in fields:
                attribute, meaning = meanings[field]
                golden.add(f"pair{i}.{side}.{field}", getattr(score, attribute), meaning)


def add_leaf_derivatives(golden, name, rows, sides, loss_of, with_kl, kl_sides=None):
    """d loss / d every per-token input of the loss, each kind with the others held fixed."""
    leaves = [{side: score.as_leaves() for side, score in pair.items()} for pair in rows]
    loss = loss_of(leaves)
    places = [(f"{name}.pair{i}.{side}", pair[side]) for i, pair in enumerate(leaves) for side in sides]
    slopes = gradients(loss, [(place, leaf.logp) for place, leaf in places])
    for place, slope in slopes.items():
        golden.add(f"{place}.dlogp", slope, "d loss / d policy log-prob of each token" +
                   (", KL terms held fixed" if with_kl else ""))
    if with_kl and kl_sides:
        slopes = gradients(loss, [(place, leaf.forward_kl) for place, leaf in places
                                  if place.rsplit(".", 1)[1] in kl_sides])
        for place, slope in slopes.items():
            golden.add(f"{place}.dkl", slope, "d loss / d KL(reference || policy) of each row, log-probs held fixed")
    return loss


def add_logit_derivatives(golden, name, rows, sides, loss):
    places = [(f"{name}.pair{i}.{side}", pair[side].logits) for i, pair in enumerate(rows) for side in sides]
    for place, slope in gradients(loss, places).items():
        golden.add(f"{place}.dlogits", slope, "d loss / d policy logits [T, V], everything included")


def preference_fixture(bench, base):
    policy, reference = bench.network(base), bench.network(f"{base}_ref")
    named = [(n, policy.weights[n]) for n in parameter_order(bench.models / base)]
    data = bench.pairs(base)
    golden = Golden(f"pref_{base}", f"preference losses, policy models/{base}, reference models/{base}_ref", H,
                    policy=base, reference=f"{base}_ref", param_order=[n for n, _ in named],
                    losses={name: text for name, (_, text) in LOSSES.items()},
                    reduction="loss = mean of loss_per_pair; every derivative is of that mean")
    add_tokens(golden, data, ("prompt",) + SIDES)
    rows = scored_pairs(policy, reference, data, SIDES)
    add_scores(golden, rows, ("policy_logps", "ref_logps", "kl_ref_policy", "kl_policy_ref"))
    for name, (terms, text) in LOSSES.items():
        sides = SIDES if name in THREE_SIDED else SIDES[:2]
        per_pair, intermediates = terms(Terms(rows))
        loss = per_pair.mean()
        golden.add(f"{name}.loss", loss, f"{text}; mean over pairs")
        golden.add(f"{name}.loss_per_pair", per_pair, "loss of each pair" + (" kept" if name == "beta_dpo" else ""))
        for key, value in intermediates.items():
            golden.add(f"{name}.{key}", value, INTERMEDIATES[key])
        with_kl = name in WITH_KL
        again = add_leaf_derivatives(golden, name, rows, sides, lambda leaves: terms(Terms(leaves))[0].mean(),
                                     with_kl, sides)
        agree(again, loss, 1e-14, f"{golden.name}: {name} from leaves")
        if with_kl:
            add_logit_derivatives(golden, name, rows, sides, loss)
        golden.add(f"{name}.grad_fp", fingerprints(gradients(loss, named).values()),
                   f"gradient of the loss for every policy parameter: {FINGERPRINT}")
    _check_identities(rows)
    return golden


def _check_identities(rows):
    """With both negatives equal to rejected, the three-way softmax differs from DPO only by log(1 + 2x) for x."""
    doubled = Terms([{**p, "rejected2": p["rejected"]} for p in rows])
    expected = torch.log1p(2 * torch.exp(-H["beta"] * doubled.delta))
    agree(_ranking(doubled, 1)[0], expected, 1e-13, "softmax over a doubled negative")
