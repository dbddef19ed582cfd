"""GMSA: encoder with LoRA, group merging, layer semantic alignment, decoder; both training stages."""
import torch
from safetensors.torch import load_file

from . import witness
from .golden import FINGERPRINT, Golden, agree, fingerprints, power_of_ten
from .network import Network, gradients, greedy, load_adapter, token_logprobs
from .models import parameter_order
from .settings import EOS, require

RULES = {
    "encoder": "embedding rows of the context, first encoder_layers layers with LoRA, causal, positions 0..L-1, "
               "then the base final norm",
    "merge": "mean of consecutive groups of r rows, short last group divided by its own length",
    "lsa": "lsa_layers own layers, causal, positions 0..M-1, then the base final norm (frozen)",
    "decoder": "rows [S ; embeddings of prompt ; embeddings of target], positions 0.., causal; "
               "row M+p-1+i predicts target i",
    "ae": "prompt = prompt_ids, target = context + EOS; loss = mean NLL over the L+1 targets",
    "keft": "prompt = question_ids, target = answer_ids (EOS included); S constant; trainable: q, k, v of every "
            "decoder layer, with their biases where the family has them; q_norm / k_norm stay frozen"}


def merged_groups(states, rate):
    """Mean of each group of `rate` rows [ceil(L / rate), D]."""
    return torch.stack([group.mean(0) for group in states.split(rate)])


class Machine:
    """Compressor and decoder over one base model."""

    def __init__(self, bench, base):
        self.settings, self.base, self.folder = bench.settings["gmsa"], base, bench.models / f"{base}_gmsa"
        self.decoder = bench.network(base)
        config, weights = self.decoder.config, self.decoder.weights
        self.encoder = Network(config, weights, load_adapter(self.folder / "encoder_lora",
                                                             self.settings["encoder_layers"]))
        own = {name: w.double().requires_grad_(True)
               for name, w in load_file(self.folder / "lsa.safetensors").items()}
        names = [n.removeprefix("model.") for n in parameter_order(bench.models / base)]
        self.own = {n: own[n] for n in names if n in own}
        require(len(self.own) == len(own), f"{self.folder}: lsa.safetensors holds foreign tensors")
        self.alignment = Network(config, {f"model.{n}": w for n, w in own.items()}
                                 | {"model.norm.weight": weights["model.norm.weight"]})
        self.trainable = [(f"encoder.{key}", matrix) for key, matrix in self.encoder.adapter.named()]
        self.trainable += [(f"lsa.{n}", w) for n, w in self.own.items()]
        self.keft = [(n, weights[n]) for n in parameter_order(bench.models / base)
                     if n.split(".")[-2] in ("q_proj", "k_proj", "v_proj")]

    def rows(self, ids):
        return self.decoder.embedded(ids).detach()

    def compress(self, ids, rate):
        """(H [L, D], Z [M, D], S [M, D])"""
        states = self.encoder.states(self.rows(ids), layers=self.settings["encoder_layers"])
        groups = merged_groups(states, rate)
        return states, groups, self.alignment.states(groups, layers=self.settings["lsa_layers"])

    def answer(self, soft, prompt, target):
        """Logits [n, V] on the rows that predict the target, and the NLL of each of its tokens."""
        logits = self.decoder.logits(rows=torch.cat((soft, self.rows(prompt + target))))
        logits = logits[len(soft) + len(prompt) - 1:-1]
        return logits, -token_logprobs(logits, target)

    @torch.no_grad()
    def restored(self, ids, rate, prompt, count):
        soft = self.compress(ids, rate)[2]
        return greedy(self.decoder, count, rows=torch.cat((soft, self.rows(prompt))))


def gmsa_fixture(bench, base):
    machine, g = Machine(bench, base), bench.settings["gmsa"]
    given = bench.source.gmsa(base, machine)
    golden = Golden(f"gmsa_{base}", f"GMSA on models/{base} with models/{base}_gmsa (encoder LoRA, LSA)", {
        "encoder_layers": g["encoder_layers"], "lsa_layers": g["lsa_layers"], "lora_r": g["lora_r"],
        "lora_alpha": g["lora_alpha"], "lora_scale": g["lora_alpha"] / g["lora_r"], "rates": g["rates"],
        "contexts": g["contexts"], "greedy_tokens": g["greedy_tokens"], "eos": EOS, "no_bos": True,
        "batch": g["batch"], "keft": g["keft"]},
        model=base, param_order=[n for n, _ in machine.trainable], keft_param_order=[n for n, _ in machine.keft],
        rules=RULES)
    golden.add("prompt_ids", given["prompt"], "stands for the restate instruction (stage 1)")
    golden.add("question_ids", given["question"], "stands for a question (stage 2)")
    golden.add("answer_ids", given["answer"], "answer tokens with EOS (stage 2)")
    for length, ids in given["contexts"].items():
        golden.add(f"ctx{length}.ids", ids, "context token ids, no BOS")
        for rate in g["rates"]:
            _add_restoration(golden, machine, length, ids, rate, given["prompt"], bench.full(base))
    _add_without_prompt(golden, machine, given["contexts"])
    _add_batch(golden, machine, given)
    for place, (length, rate) in enumerate(g["keft"]):
        _add_keft(golden, machine, given, length, rate, bench.full(base) if place == 0 else None)
    _check_against_transformers(golden, machine, bench.models / base, given)
    return golden


def _fingerprints(loss, named):
    return fingerprints(gradients(loss, named).values())


def _add_restoration(golden, machine, length, ids, rate, prompt, full):
    states, groups, soft = machine.compress(ids, rate)
    logits, nll = machine.answer(soft, prompt, ids + [EOS])
    loss, name = nll.mean(), f"ctx{length}.r{rate}"
    if rate == machine.settings["rates"][0]:
        golden.add(f"ctx{length}.H", states, "encoder output after the final norm [L, D], the same for every rate")
    golden.add(f"{name}.Z", groups, "merged rows [M, D], M = ceil(L / r)")
    golden.add(f"{name}.S", soft, "soft tokens after LSA and final norm [M, D]")
    golden.add(f"{name}.logits", logits, "decoder logits on the target rows [L+1, V]")
    golden.add(f"{name}.loss", loss, "stage-1 loss, mean over the L+1 target tokens")
    golden.add(f"{name}.grad_fp", _fingerprints(loss, machine.trainable), f"gradient of LoRA and LSA: {FINGERPRINT}")
    if [length, rate] in machine.settings["full_grads"]:
        for parameter, slope in gradients(loss, machine.trainable).items():
            golden.add(f"{name}.grad.{parameter}", slope, "d loss / d trainable tensor", files=full)
    tokens, lead = machine.restored(ids, rate, prompt, machine.settings["greedy_tokens"])
    golden.add(f"{name}.greedy", tokens, "greedy tokens after [S ; prompt], not stopped by EOS")
    golden.add(f"{name}.greedy_min_gap", torch.tensor(lead, dtype=torch.float64),
               "smallest lead of a best logit over the second on the way")


def _add_without_prompt(golden, machine, contexts):
    length, rate = machine.settings["contexts"][-1], machine.settings["rates"][-1]
    soft = machine.compress(contexts[length], rate)[2]
    nll = machine.answer(soft, [], contexts[length] + [EOS])[1]
    golden.add(f"noprompt.ctx{length}.r{rate}.loss", nll.mean(),
               "stage-1 loss without a prompt: the last soft token predicts the first target")


def _add_batch(golden, machine, given):
    batch = machine.settings["batch"]
    samples = []
    for length in batch["contexts"]:
        ids = given["contexts"][length]
        samples.append(machine.answer(machine.compress(ids, batch["rate"])[2], given["prompt"], ids + [EOS])[1])
    loss = torch.cat(samples).mean()
    golden.add("batch.loss", loss, "ragged micro-batch: one mean over all target tokens of all samples")
    golden.add("batch.loss_mean_of_samples", torch.stack([s.mean() for s in samples]).mean(),
               "for contrast: the mean of the samples' means")
    golden.add("batch.grad_fp", _fingerprints(loss, machine.trainable), f"gradient of batch.loss: {FINGERPRINT}")


def _add_keft(golden, machine, given, length, rate, full):
    soft = machine.compress(given["contexts"][length], rate)[2].detach()
    logits, nll = machine.answer(soft, given["question"], given["answer"])
    loss, name = nll.mean(), f"keft.ctx{length}.r{rate}"
    golden.add(f"{name}.logits", logits, "decoder logits on the answer rows [n, V]")
    golden.add(f"{name}.loss", loss, "stage-2 loss, mean over the answer tokens with EOS")
    golden.add(f"{name}.grad_fp", _fingerprints(loss, machine.keft),
               f"gradient, rows in keft_param_order: {FINGERPRINT}")
    if full:
        for parameter, slope in gradients(loss, machine.keft).items():
            golden.add(f"{name}.grad.{parameter}", slope, "d loss / d decoder q, k, v tensor", files=full)


def _check_against_transformers(golden, machine, base, given):
    """Encoder through PEFT, decoder through transformers, on the longest context."""
    g, ids = machine.settings, given["contexts"][machine.settings["contexts"][-1]]
    encoder = witness.peft_model(base, machine.folder / "encoder_lora", layers=g["encoder_layers"])
    states, _, soft = machine.compress(ids, g["rates"][-1])
    worst = agree(witness.states(encoder.base_model.model, machine.rows(ids)), states, 1e-11, f"{golden.name}: H")
    rows = torch.cat((soft.detach(), machine.rows(given["prompt"] + ids + [EOS])))
    theirs = witness.logits(witness.transformers_model(base), rows=rows)[-len(ids) - 2:-1]
    worst = max(worst, agree(theirs, machine.answer(soft, given["prompt"], ids + [EOS])[0], 1e-11,
                             f"{golden.name}: logits"))
    golden.checks["PEFT encoder and transformers decoder in float64"] = power_of_ten(worst)
