"""Fixture of a LoRA adapter: forward, merged forward, gradients of A and B, AdamW on them."""
from . import witness
from .adamw import HYPER, Trajectory
from .family import batch_nll
from .golden import FINGERPRINT, Golden, agree, distance, fingerprints, power_of_ten
from .network import Network, gradients, load_adapter
from .settings import LINEARS, require


def merged(network):
    """The network with W + scale B A in place of the adapter."""
    weights = dict(network.weights)
    for module, (a, b) in network.adapter.pairs.items():
        name = module + ".weight"
        weights[name] = (weights[name] + network.adapter.scale * b @ a).detach()
    return Network(network.config, weights)


def lora_fixture(bench, base):
    folder, layers = bench.models / f"{base}_lora", bench.settings["layers"]
    r, alpha = bench.settings["lora"]["r"], bench.settings["lora"]["alpha"]
    plain = bench.network(base)
    network = Network(plain.config, plain.weights, load_adapter(folder, layers))
    named, fused, sequences = network.adapter.named(), merged(network), bench.sequences(base)
    golden = Golden(f"lora_{base}", f"LoRA adapter models/{base}_lora on models/{base}",
                    {"r": r, "alpha": alpha, "scale": alpha / r, "targets": list(LINEARS), "adamw": HYPER},
                    model=base, adapter=f"{base}_lora", param_order=[n for n, _ in named])
    loss, logps, logits = batch_nll(network.logits, sequences)
    slopes = gradients(loss, named)
    _check_against_peft(golden, bench.models / base, folder, sequences, logits, slopes)
    for i, ids in enumerate(sequences):
        folded = fused.logits(ids)
        agree(folded, logits[i], 1e-11, f"{golden.name}: merged logits")
        require(distance(plain.logits(ids), logits[i]) > 0.05, f"{golden.name}: the adapter hardly moves the logits")
        golden.add(f"seq{i}.ids", ids, "token ids, the same sequences as the family fixture")
        golden.add(f"seq{i}.logits", logits[i], "logits with the adapter [T, V]")
        golden.add(f"seq{i}.logits_merged", folded, "logits of the merged model (equal up to rounding)")
        if len(ids) > 1:
            golden.add(f"seq{i}.logprobs", logps[i], "log p(token t+1 | tokens 0..t) with the adapter")
    for i in range(layers):
        name = f"model.layers.{i}.self_attn.v_proj.weight"
        golden.add(f"merged.{name}", fused.weights[name], "merged weight W + (alpha / r) B A")
    golden.add("loss", loss, "mean NLL over all predicted tokens, adapter active")
    for name, _ in named:
        golden.add(f"grad.{name}", slopes[name], "d loss / d LoRA matrix (A [r, in], B [out, r])",
                   files=bench.full(base))
    golden.add("grad_fp", fingerprints(slopes.values()), f"gradient of the loss: {FINGERPRINT}")
    Trajectory(lambda: batch_nll(network.logits, sequences)[0], named).add_to(golden)
    return golden


def _check_against_peft(golden, base, folder, sequences, logits, slopes):
    model = witness.peft_model(base, folder)
    loss, _, theirs = batch_nll(lambda ids: witness.logits(model, ids), sequences)
    worst = max(agree(a, b, 1e-11, f"{golden.name} logits") for a, b in zip(theirs, logits))
    golden.checks["PEFT in float64, logits"] = power_of_ten(worst)
    matrices = [(n.replace(".default", ""), p) for n, p in model.named_parameters() if "lora_" in n]
    require([n for n, _ in matrices] == list(slopes), f"{golden.name}: PEFT orders its matrices differently")
    found = gradients(loss, matrices)
    worst = max(agree(found[n], slopes[n], 1e-11, f"{golden.name} gradient of {n}") for n in slopes)
    golden.checks["PEFT in float64, gradients"] = power_of_ten(worst)
