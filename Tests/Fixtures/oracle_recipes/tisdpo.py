"""TIS-DPO: weights from two contrast models, and the weighted loss with its KL correction."""
import torch

from .golden import FINGERPRINT, Golden, fingerprints
from .models import parameter_order
from .network import F64, gradients, token_logprobs
from .preference import (add_leaf_derivatives, add_logit_derivatives, add_scores, add_tokens, response_logits,
                         scored_pairs, softplus)
from .settings import CONTRAST, TIS

SIDES = ("chosen", "rejected")
ALPHAS = {"exp_clamp": (0.0, 0.5, 1.0), "rank": (0.0, 1.0), "clip_affine": (0.0, 1.0)}
RULES = {"scores": "e_t = log p+ - log p-; transforms see the T-1 tokens before EOS, then eos_weight is appended",
         "exp_clamp": "k exp(sign mu clamp(e, L, U)), sign +1 chosen, -1 rejected (clamp before sign)",
         "rank": "stable ascending rank i of sign*e among n: min + i/(n-1) (max-min); n = 1 gives 1",
         "clip_affine": "clip(sign*e, clip_min, clip_max) mapped linearly to [min, max]",
         "loss": "softplus(-beta (M_c - M_r - alpha (D_c - D_r))), M = sum w rho, D = sum w KL(policy||ref); "
                 "w constant, both D differentiated"}


def contrast_weights(contrast, side, transform):
    """Weights [T] from e_t of all tokens; the last token is EOS and has its own weight."""
    sign = 1.0 if side == "chosen" else -1.0
    e = contrast[:-1]
    low, width = TIS["scale_min"], TIS["scale_max"] - TIS["scale_min"]
    if transform == "exp_clamp":
        weights = TIS["k"] * torch.exp(sign * TIS["mu"] * e.clamp(TIS["L"], TIS["U"]))
    elif transform == "rank":
        ranks = torch.argsort(torch.argsort(sign * e, stable=True), stable=True).to(F64)
        weights = low + width * ranks / (len(e) - 1) if len(e) > 1 else torch.ones(1, dtype=F64)
    else:
        place = (sign * e).clamp(TIS["clip_min"], TIS["clip_max"]) - TIS["clip_min"]
        weights = low + width * place / (TIS["clip_max"] - TIS["clip_min"])
    return torch.cat((weights, torch.tensor([TIS["eos_weight"]], dtype=F64)))


def objective(pairs, weights, alpha):
    """Loss per pair and its argument u."""
    def value(pair, w, side):
        return w[side] @ (pair[side].ratio - alpha * pair[side].reverse_kl)
    u = torch.stack([value(p, w, "chosen") - value(p, w, "rejected") for p, w in zip(pairs, weights)])
    return softplus(-TIS["beta"] * u), u


def tisdpo_fixture(bench, base):
    policy, reference = bench.network(base), bench.network(f"{base}_ref")
    plus, minus = map(bench.network, CONTRAST)
    named = [(n, policy.weights[n]) for n in parameter_order(bench.models / base)]
    data = bench.pairs(base)
    golden = Golden(f"tisdpo_{base}", f"TIS-DPO, policy models/{base}, reference models/{base}_ref, "
                    f"contrast models/{CONTRAST[0]} (+) and models/{CONTRAST[1]} (-)", TIS,
                    policy=base, reference=f"{base}_ref", plus=CONTRAST[0], minus=CONTRAST[1],
                    param_order=[n for n, _ in named], rules=RULES)
    add_tokens(golden, data, ("prompt",) + SIDES)
    rows = scored_pairs(policy, reference, data, SIDES)
    add_scores(golden, rows, ("policy_logps", "ref_logps", "kl_policy_ref"))
    weights = {transform: [] for transform in ALPHAS}
    for i, pair in enumerate(data):
        found = _add_weights(golden, f"pair{i}", pair, plus, minus)
        for transform in ALPHAS:
            weights[transform].append({side: found[side, transform] for side in SIDES})
    for transform, alphas in ALPHAS.items():
        for alpha in alphas:
            _add_loss(golden, transform, alpha, rows, weights[transform], named)
    return golden


def _add_weights(golden, name, pair, plus, minus):
    found = {}
    for side in SIDES:
        with torch.no_grad():
            a, b = (token_logprobs(response_logits(n, pair["prompt"], pair[side]), pair[side]) for n in (plus, minus))
        golden.add(f"{name}.{side}.plus_logps", a, "log-probs under the positive contrast model [T]")
        golden.add(f"{name}.{side}.minus_logps", b, "log-probs under the negative contrast model [T]")
        for transform in ALPHAS:
            found[side, transform] = contrast_weights(a - b, side, transform)
            golden.add(f"{name}.{side}.weights.{transform}", found[side, transform],
                       f"weights [T], transform {transform}; the last entry belongs to EOS")
    return found


def _add_loss(golden, transform, alpha, rows, weights, named):
    name = f"{transform}.alpha{alpha:g}"
    per_pair, u = objective(rows, weights, alpha)
    loss = per_pair.mean()
    golden.add(f"{name}.loss", loss, f"transform {transform}, alpha {alpha:g}: mean over pairs")
    golden.add(f"{name}.loss_per_pair", per_pair, "loss of each pair")
    golden.add(f"{name}.u", u, "argument u per pair, beta not included")
    add_leaf_derivatives(golden, name, rows, SIDES, lambda leaves: objective(leaves, weights, alpha)[0].mean(),
                         alpha > 0)
    if (transform, alpha) == ("exp_clamp", 1.0):
        add_logit_derivatives(golden, name, rows, SIDES, loss)
    golden.add(f"{name}.grad_fp", fingerprints(gradients(loss, named).values()), f"gradient of the loss: {FINGERPRINT}")
