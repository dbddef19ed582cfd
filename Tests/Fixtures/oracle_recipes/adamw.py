"""Three AdamW steps with clipping, on a model's loss or on given gradients."""
import torch

from .golden import FINGERPRINT, Golden, fingerprints
from .settings import ADAMW, ADAMW_RULE

HYPER = {**ADAMW, "rule": ADAMW_RULE}


def optimizer(named):
    """torch's AdamW with decay on matrices only: norm weights and biases are exempt."""
    matrices = [t for _, t in named if t.ndim >= 2]
    vectors = [t for _, t in named if t.ndim < 2]
    groups = [{"params": matrices, "weight_decay": ADAMW["weight_decay"]}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=ADAMW["lr"], eps=ADAMW["eps"],
                             betas=(ADAMW["beta1"], ADAMW["beta2"]), foreach=False)


def clip(named):
    """Scales the gradients in place; returns the norm before."""
    return torch.nn.utils.clip_grad_norm_([t for _, t in named], ADAMW["clip_norm"], foreach=False)


class Trajectory:
    """Losses before each step and after the last, norms before clipping, weights after each step."""

    def __init__(self, loss, named):
        self.names, self.losses, self.norms, self.weights = [n for n, _ in named], [], [], []
        rule = optimizer(named)
        for _ in range(ADAMW["steps"]):
            rule.zero_grad()
            value = loss()
            value.backward()
            self.losses.append(float(value.detach()))
            self.norms.append(float(clip(named)))
            rule.step()
            self.weights.append([t.detach().clone() for _, t in named])
        self.losses.append(float(loss().detach()))

    def add_to(self, golden):
        wide = {"dtype": torch.float64}
        golden.add("adamw.losses", torch.tensor(self.losses, **wide),
                   "loss of the same batch before step 1, 2, 3 and after step 3")
        golden.add("adamw.grad_norms", torch.tensor(self.norms, **wide),
                   "global gradient norm before clipping, per step")
        for i, weights in enumerate(self.weights, 1):
            golden.add(f"adamw.step{i}.fp", fingerprints(weights), f"weights after step {i}: {FINGERPRINT}")
        for name, w in zip(self.names, self.weights[-1]):
            golden.add(f"adamw.step3.{name}", w, "weight after step 3", files=("f32",))


def optim_fixture(source):
    golden = Golden("optim", "AdamW with clipping on given weights and gradients (no model)", {"adamw": HYPER})
    weights, steps = source.optimizer()
    named = [(name, w.clone().requires_grad_(True)) for name, w in weights.items()]
    for name, w in named:
        golden.add(f"w0.{name}", w, "initial value" + ("; only decay moves it" if name.startswith("zero") else ""))
    rule = optimizer(named)
    for i, given in enumerate(steps, 1):
        for name, w in named:
            w.grad = given[name].clone()
            golden.add(f"g{i}.{name}", given[name], f"gradient handed in at step {i}")
        golden.add(f"norm{i}", clip(named), "global norm before clipping")
        rule.step()
        for name, w in named:
            golden.add(f"w{i}.{name}", w, f"weight after step {i}")
            golden.add(f"m{i}.{name}", rule.state[w]["exp_avg"], "first moment, not bias-corrected")
            golden.add(f"v{i}.{name}", rule.state[w]["exp_avg_sq"], "second moment, not bias-corrected")
    return golden
