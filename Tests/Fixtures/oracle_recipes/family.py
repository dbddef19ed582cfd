"""Fixture of one model family: forward, gradients, attribution of the largest logit, greedy decoding, AdamW."""
import json

import torch

from . import witness
from .adamw import HYPER, Trajectory
from .golden import FINGERPRINT, Golden, agree, distance, fingerprints, power_of_ten
from .models import parameter_order
from .network import Network, gradients, greedy, token_logprobs
from .settings import ADAMW, require

SECRETS = {  # a feature of the family that must be visible in its numbers
    "mistral": ("sliding window ignored", {"sliding_window": None}),
    "llama3_rope": ("rope_scaling ignored", {"rope_scaling": None}),
    "qwen2": ("switched-off sliding_window applied", {"use_sliding_window": True}),
}


def batch_nll(logits_of, sequences):
    """One mean over all predicted tokens of all sequences, the log-probs and the logits of each."""
    logits = [logits_of(s) for s in sequences]
    logps = [token_logprobs(z[:-1], s[1:]) for z, s in zip(logits, sequences)]
    return -torch.cat(logps).mean(), logps, logits


def family_fixture(bench, family):
    network, folder = bench.network(family), bench.models / family
    order = list(parameter_order(folder))
    named = [(name, network.weights[name]) for name in order]
    sequences = bench.sequences(family)
    settings = bench.settings
    golden = Golden(family, f"forward, gradients, greedy decoding and AdamW for models/{family}",
                    {"adamw": HYPER, "greedy_tokens": settings["greedy_tokens"], "lengths": settings["lengths"]},
                    model=family, param_order=order)
    loss, logps, logits = batch_nll(network.logits, sequences)
    slopes = gradients(loss, named)
    _check_against_transformers(golden, folder, sequences, logits, slopes)
    _check_secret(golden, family, network, sequences[-1], logits[-1])
    for i, ids in enumerate(sequences):
        _add_sequence(golden, f"seq{i}", network, ids, logits[i], logps[i], settings["greedy_tokens"])
    golden.add("loss", loss, "mean NLL over all predicted tokens of all sequences, one mean")
    for name in order:
        golden.add(f"grad.{name}", slopes[name], "d loss / d parameter, all its uses added", files=bench.full(family))
    golden.add("grad_fp", fingerprints(slopes.values()), f"gradient of the loss: {FINGERPRINT}")
    golden.head["float32_reference_error"] = _float32_error(folder, sequences, loss, logits, slopes)
    steps = Trajectory(lambda: batch_nll(network.logits, sequences)[0], named)
    require(steps.norms[0] > ADAMW["clip_norm"], f"{family}: the gradient is not clipped")
    steps.add_to(golden)
    return golden


def _add_sequence(golden, name, network, ids, logits, logps, greedy_tokens):
    golden.add(f"{name}.ids", ids, "token ids of one unpadded sequence, positions 0..T-1")
    golden.add(f"{name}.logits", logits, "logits [T, V]; row t predicts token t+1")
    if len(ids) > 1:
        golden.add(f"{name}.logprobs", logps, "log p(token t+1 | tokens 0..t), t = 0..T-2")
    rows = network.embedded(ids).detach().requires_grad_(True)
    best = network.logits(rows=rows)[-1].max(-1)
    (slope,) = torch.autograd.grad(best.values, rows)
    golden.add(f"{name}.maxlogit", best.values, "largest raw logit of the last row")
    golden.add(f"{name}.maxlogit_index", best.indices, "its vocabulary index")
    golden.add(f"{name}.maxlogit_embed_grad", slope, "its gradient with respect to the embedding rows [T, D]")
    tokens, lead = greedy(network, greedy_tokens, ids=ids)
    golden.add(f"{name}.greedy", tokens, "greedy continuation, not stopped by EOS")
    golden.add(f"{name}.greedy_min_gap", torch.tensor(lead, dtype=torch.float64),
               "smallest lead of a best logit over the second on the way")


def _check_against_transformers(golden, folder, sequences, logits, slopes):
    model = witness.transformers_model(folder)
    loss, _, theirs = batch_nll(lambda ids: witness.logits(model, ids), sequences)
    worst = max(agree(a, b, 1e-11, f"{golden.name} logits") for a, b in zip(theirs, logits))
    golden.checks["transformers in float64, logits"] = power_of_ten(worst)
    found = gradients(loss, list(model.named_parameters()))
    worst = max(agree(found[n], slopes[n], 1e-11, f"{golden.name} gradient of {n}") for n in slopes)
    golden.checks["transformers in float64, gradients"] = power_of_ten(worst)


def _check_secret(golden, family, network, ids, logits):
    if family not in SECRETS:
        return
    text, change = SECRETS[family]
    moved = distance(Network({**network.config, **change}, network.weights).logits(ids), logits)
    require(moved > 0.01, f"{family}: {text} would go unnoticed")
    golden.checks[f"{text}: logits of the last sequence would move by"] = f"{moved:.0e}"


def _float32_error(folder, sequences, loss, logits, slopes):
    """What plain transformers float32 shows against these numbers: the yardstick of a good float32 engine."""
    model = witness.transformers_model(folder, torch.float32)
    loss32, _, logits32 = batch_nll(lambda ids: witness.logits(model, ids), sequences)
    found = gradients(loss32, list(model.named_parameters()))
    worst = max(float((found[n].double() - g).abs().max() / g.abs().max()) for n, g in slopes.items())
    return {"about": "transformers in float32 against these float64 numbers",
            "logits_max_abs": f"{max(float((a - b).detach().abs().max()) for a, b in zip(logits32, logits)):.0e}",
            "loss_abs": power_of_ten(abs(float(loss32.detach() - loss.detach()))),
            "grad_max_abs_error_over_max_abs_worst_tensor": f"{worst:.0e}"}


def check_spellings(folder):
    """config.json and config_v5.json must describe one model."""
    from transformers import AutoConfig
    old = AutoConfig.from_pretrained(folder).to_dict()
    new = AutoConfig.from_pretrained(folder / "config_v5.json").to_dict()
    for key in json.loads((folder / "config.json").read_text()).keys() & new.keys():
        require(old[key] == new[key], f"{folder / 'config_v5.json'}: {key} is {new[key]}, config.json says {old[key]}")
