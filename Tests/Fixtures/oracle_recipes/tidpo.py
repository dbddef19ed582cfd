"""TI-DPO: importances, weights, triplet term, presets."""
import torch

from .golden import FINGERPRINT, Golden, agree, fingerprints
from .models import parameter_order
from .network import F64, gradients, token_logprobs
from .preference import add_leaf_derivatives, add_scores, add_tokens, scored_pairs, softplus
from .settings import PRESETS, require

SCALES = ("mean_one", "sum_one", "paper_literal", "max_one")
TARGETS = ("predict_last", "after_last", "response_nll")
ATTRIBUTED = ("chosen", "rejected")
DEFAULT = {"lambda": 0.7, "sigma_div": 4.0, "sigma_floor": 1.0}
HAND_MADE = {"one_token": [0.0], "two_tokens": [3.0, 1.0], "zero_sum": [0.0] * 5,
             "closing_zero": [0.4, 0.1, 0.9, 0.6, 0.0]}


def attribution_target(logits, ids, prompt_length, target):
    """The attributed scalar, and the vocabulary index of its maximum (None when it is a likelihood)."""
    if target == "response_nll":
        return -token_logprobs(logits[prompt_length - 1:-1], ids[prompt_length:]).sum(), None
    best = logits[{"predict_last": -2, "after_last": -1}[target]].max(-1)
    return best.values, best.indices


def importances(network, ids, prompt_length, target):
    """L1 norm per token of the gradient with respect to its embedding row [P + T], the scalar and its index."""
    rows = network.embedded(ids).detach().requires_grad_(True)
    value, index = attribution_target(network.logits(rows=rows), ids, prompt_length, target)
    (slope,) = torch.autograd.grad(value, rows)
    return slope.abs().sum(-1), value.detach(), index


def prior(count, sigma):
    t = torch.arange(count, dtype=F64)
    return torch.exp(-((t - (count - 1) / 2) / sigma).square() / 2)


def span_weights(importance, lam, sigma_div, scale):
    """Importance weights over one span; a span of one token has weight 1."""
    count = len(importance)
    if count == 1:
        return torch.ones(1, dtype=F64)
    if scale == "paper_literal":
        bell = prior(count, count / sigma_div)
    else:
        bell = prior(count, max(DEFAULT["sigma_floor"], count / sigma_div))
        bell = bell / bell.sum()
    total = importance.sum()
    share = importance / total if total > 0 else bell
    mixed = lam * share + (1 - lam) * bell
    divisor = {"mean_one": mixed.mean(), "sum_one": mixed.sum(), "max_one": mixed.max(), "paper_literal": 1.0}
    return mixed / divisor[scale]


def response_weights(importance, prompt_length, preset):
    """Weights of the response tokens [T] under a preset, from the importances of the whole row."""
    arguments = (preset["lambda"], preset["sigma_div"], "mean_one")
    if preset["span"] == "full":
        return span_weights(importance, *arguments)[prompt_length:]
    return span_weights(importance[prompt_length:], *arguments)


def triplet(pair):
    """(D+, D-): squared distance of the anchor's unweighted log-ratios to chosen's and to rejected's."""
    anchor = pair["anchor"].ratio

    def apart(other):
        overlap = min(len(anchor), len(other))
        return (anchor[:overlap] - other[:overlap]).square().sum()
    return apart(pair["chosen"].ratio), apart(pair["rejected"].ratio)


def objective(pairs, weights, preset):
    """The total loss, and its intermediates per pair."""
    def margin(side):
        return torch.stack([w[side] @ p[side].ratio for p, w in zip(pairs, weights)])

    def kl(side):
        return torch.stack([p[side].forward_kl.sum() for p in pairs])
    chosen, rejected = margin("chosen"), margin("rejected")
    u = chosen - rejected
    if preset["base"] == "tdpo2":
        u = u - preset["alpha"] * (kl("rejected") - kl("chosen").detach())
    base = softplus(-preset["beta"] * u)
    near, far = (torch.stack(column) for column in zip(*map(triplet, pairs)))
    hinge = torch.relu(near - far + preset["margin"])
    parts = {"margin_chosen": chosen, "margin_rejected": rejected, "u": u, "base_loss_per_pair": base,
             "d_pos": near, "d_neg": far, "triplet_per_pair": hinge}
    return base.mean() + preset["gamma"] * hinge.mean(), parts


MEANINGS = {"margin_chosen": "sum_t w_t rho_t of chosen, per pair", "margin_rejected": "the same of rejected",
            "u": "argument of the base loss per pair, beta not included", "base_loss_per_pair": "softplus(-beta u)",
            "d_pos": "D+ = sum (anchor rho - chosen rho)^2 over the overlap", "d_neg": "D-, against rejected",
            "triplet_per_pair": "max(0, D+ - D- + margin)"}
RULES = {"span": "response = the response tokens with EOS; full = prompt and response",
         "one_token_span": "weight 1",
         "sigma": "max(floor, n / sigma_div); paper_literal: n / sigma_div, prior with peak 1",
         "scales": "w = lambda I/sum(I) + (1-lambda) prior; mean_one: w n / sum(w); sum_one: w / sum(w); "
                   "max_one: w / max(w); paper_literal: w",
         "zero_importance": "the prior alone when sum(I) = 0", "relu": "derivative 0 at 0"}


def tidpo_fixture(bench, base):
    policy, reference = bench.network(base), bench.network(f"{base}_ref")
    named = [(n, policy.weights[n]) for n in parameter_order(bench.models / base)]
    data = bench.pairs(base)
    golden = Golden(f"tidpo_{base}", f"TI-DPO, policy models/{base}, reference models/{base}_ref, given anchors",
                    {"weights": DEFAULT, "presets": PRESETS,
                     "preset_common": {"weight_scale": "mean_one", "sigma_floor": 1.0, "attribution_norm": "l1"}},
                    policy=base, reference=f"{base}_ref", param_order=[n for n, _ in named],
                    reduction="loss = mean over pairs of base + gamma * mean over pairs of triplet; weights constant",
                    rules=RULES)
    add_tokens(golden, data, ("prompt", "chosen", "rejected", "anchor"))
    found = [_add_importances(golden, f"pair{i}", policy, pair) for i, pair in enumerate(data)]
    for i, pair in enumerate(data):
        _add_weights(golden, f"pair{i}", found[i], len(pair["prompt"]))
    _add_hand_made(golden)
    rows = scored_pairs(policy, reference, data, ("chosen", "rejected", "anchor"))
    add_scores(golden, rows, ("policy_logps", "ref_logps", "kl_ref_policy"))
    hinges = set()
    for name, preset in PRESETS.items():
        weights = [{side: response_weights(row[side, preset["target"]], len(pair["prompt"]), preset)
                    for side in ATTRIBUTED} for row, pair in zip(found, data)]
        hinges |= _add_preset(golden, name, preset, rows, weights, named, bench.full(base))
    require(hinges == {True, False}, f"{golden.name}: the triplet hinge is never, or always, active")
    return golden


def _add_importances(golden, name, policy, pair):
    row = {}
    for side in ATTRIBUTED:
        for target in TARGETS:
            ids = pair["prompt"] + pair[side]
            row[side, target], value, index = importances(policy, ids, len(pair["prompt"]), target)
            golden.add(f"{name}.{side}.importance.{target}", row[side, target],
                       f"raw importance of every token of prompt + response [P+T], target {target}")
            golden.add(f"{name}.{side}.target_value.{target}", value, "the attributed scalar")
            if index is not None:
                golden.add(f"{name}.{side}.target_index.{target}", index, "vocabulary index of the maximum")
        require(float(row[side, "predict_last"][-1]) == 0, f"{golden.name}: a row that predicts the last token sees it")
    return row


def _add_weights(golden, name, row, prompt_length):
    released = PRESETS["release"]
    for side in ATTRIBUTED:
        for target in TARGETS[:2]:
            for span, start in (("response", prompt_length), ("full", 0)):
                for scale in SCALES:
                    weights = span_weights(row[side, target][start:], DEFAULT["lambda"], DEFAULT["sigma_div"], scale)
                    golden.add(f"{name}.{side}.weights.{span}.{target}.{scale}", weights,
                               f"weights over span {span}, lambda 0.7, sigma n/4")
        weights = span_weights(row[side, released["target"]], released["lambda"], released["sigma_div"], "mean_one")
        golden.add(f"{name}.{side}.weights.release", weights,
                   "weights of preset release over prompt + response [P+T]; the loss uses the last T")


def _add_hand_made(golden):
    for name, values in HAND_MADE.items():
        importance = torch.tensor(values, dtype=F64)
        golden.add(f"unit.{name}.importance", importance, "hand-made raw importances")
        for scale in SCALES:
            golden.add(f"unit.{name}.{scale}", span_weights(importance, DEFAULT["lambda"], DEFAULT["sigma_div"], scale),
                       "weights, lambda 0.7, sigma n/4")
    even = torch.ones(6, dtype=F64)
    agree(span_weights(even, 1.0, 4.0, "mean_one"), even, 1e-15, "equal importances with lambda 1")


def _add_preset(golden, name, preset, rows, weights, named, full):
    """Returns which states of the triplet hinge occurred."""
    loss, parts = objective(rows, weights, preset)
    golden.add(f"{name}.loss", loss, "total loss")
    for key, value in parts.items():
        golden.add(f"{name}.{key}", value, MEANINGS[key])
    again = add_leaf_derivatives(golden, name, rows, ("chosen", "rejected", "anchor"),
                                 lambda leaves: objective(leaves, weights, preset)[0],
                                 preset["base"] == "tdpo2", ATTRIBUTED)
    agree(again, loss, 1e-14, f"{golden.name}: {name} from leaves")
    slopes = gradients(loss, named)
    if name == "paper_eq":
        for parameter, slope in slopes.items():
            golden.add(f"{name}.grad.{parameter}", slope, "d loss / d policy parameter, weights constant", files=full)
    golden.add(f"{name}.grad_fp", fingerprints(slopes.values()), f"gradient of the loss: {FINGERPRINT}")
    return {bool(h > 0) for h in parts["triplet_per_pair"]}
