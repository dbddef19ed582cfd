"""Where the inputs of the fixtures come from: drawn until every branch of every rule occurs, or read from a folder.

A drawn input is redrawn while an arg-max, a hinge, a clamp or a rank is too close to call, so that no correct
implementation can land on the other side by rounding."""
import json

import torch
from safetensors.torch import load_file

from .network import greedy, token_logprobs
from .preference import scored_pairs
from .settings import ADAMW, CONTRAST, EOS, PREFERENCE, TIS, FixtureError
from .tidpo import triplet

CLEAR_GREEDY, CLEAR_ARGMAX, CLEAR_BRANCH = 2e-3, 1e-2, 2e-2
OPTIMIZER_SHAPES = {"matrix": (5, 7), "norm": (7,), "bias": (5,), "zero_grad_matrix": (3, 4)}
GRADIENT_SIZES = (0.05, 2.0, 0.4)  # below the clip norm once, above it twice


class Drawn:
    def __init__(self, settings, randomness):
        self.settings, self.randomness = settings, randomness

    def _tokens(self, count, *label):
        return self.randomness.tokens(count, self.settings["vocab"], *label)

    def sequences(self, family, network):
        for attempt in range(100):
            sequences = [self._tokens(n, family, i, attempt) for i, n in enumerate(self.settings["lengths"])]
            if all(greedy(network, self.settings["greedy_tokens"], ids=s)[1] > CLEAR_GREEDY for s in sequences):
                return sequences
        raise FixtureError(f"{family}: no sequences with clear arg-max winners; try another seed")

    def pairs(self, base, networks):
        """`networks`: policy, reference, and TIS-DPO's positive and negative model."""
        for attempt in range(2000):
            data = [self._pair(base, i, spec, attempt) for i, spec in enumerate(self.settings["pairs"])]
            if self._branches_occur(data, networks) and all(self._is_clear(d, networks) for d in data):
                return data
        raise FixtureError(f"{base}: no pairs on which every branch occurs; try another seed or other lengths")

    def _pair(self, base, i, spec, attempt):
        pair = {"prompt": self._tokens(spec["prompt"], base, "pair", i, "prompt", attempt)}
        for side in ("chosen", "rejected", "rejected2"):
            pair[side] = self._tokens(spec[side] - 1, base, "pair", i, side, attempt) + [EOS]
        pair["anchor"] = self._tokens(spec["anchor"], base, "pair", i, "anchor", attempt)
        if spec["anchor_ends_with_eos"]:
            pair["anchor"][-1] = EOS
        return pair

    @staticmethod
    @torch.no_grad()
    def _branches_occur(data, networks):
        policy, reference = networks[:2]
        rows = scored_pairs(policy, reference, data, ("chosen", "rejected", "anchor"))
        deltas = [float(p["chosen"].ratio.sum() - p["rejected"].ratio.sum()) for p in rows]
        switches = [deltas, [1 - PREFERENCE["hinge_wide_beta"] * d for d in deltas]]
        for margin in (0.1, 0.001):
            switches.append([float(near - far) + margin for near, far in map(triplet, rows)])
        return all(min(s) < 0 < max(s) and min(map(abs, s)) > CLEAR_BRANCH for s in switches)

    @staticmethod
    @torch.no_grad()
    def _is_clear(pair, networks):
        policy, _, plus, minus = networks
        edges = torch.tensor([TIS["L"], TIS["U"], TIS["clip_min"], TIS["clip_max"]], dtype=torch.float64)
        for side in ("chosen", "rejected"):
            ids, tokens = pair["prompt"] + pair[side], pair[side]
            best = torch.topk(policy.logits(ids)[-2:], 2).values
            a, b = (token_logprobs(n.logits(ids)[-len(tokens) - 1:-1], tokens) for n in (plus, minus))
            contrast = (a - b)[:-1]
            gaps = [best[:, 0] - best[:, 1], (contrast[:, None] - edges).abs(), contrast.sort().values.diff()]
            if any(g.numel() and float(g.min()) <= CLEAR_ARGMAX for g in gaps):
                return False
        return True

    def gmsa(self, base, machine):
        g = self.settings["gmsa"]
        given = {name: self._tokens(g[name], base, "gmsa", name) for name in ("prompt", "question", "answer")}
        given["answer"].append(EOS)
        given["contexts"] = {n: self._context(base, n, given["prompt"], machine) for n in g["contexts"]}
        return given

    def _context(self, base, length, prompt, machine):
        g = self.settings["gmsa"]
        for attempt in range(200):
            ids = self._tokens(length, base, "gmsa", "context", length, attempt)
            if all(machine.restored(ids, rate, prompt, g["greedy_tokens"])[1] > CLEAR_GREEDY for rate in g["rates"]):
                return ids
        raise FixtureError(f"gmsa {base}: no context of length {length} with clear arg-max winners; try another seed")

    def optimizer(self):
        """Initial weights, and per step the gradients handed in: values a float32 can hold."""
        def draw(shape, *label):
            return torch.from_numpy(self.randomness.normal(shape, "optim", *label)).float().double()
        weights = {name: draw(shape, name) for name, shape in OPTIMIZER_SHAPES.items()}
        steps = [{name: 0.0 * w if name.startswith("zero") else size * draw(w.shape, name, i)
                  for name, w in weights.items()} for i, size in enumerate(GRADIENT_SIZES)]
        return weights, steps


class Stored:
    """The inputs of an existing folder, so that its answers can be recomputed."""

    def __init__(self, folder, settings):
        self.folder, self.settings = folder / "golden", settings

    def _read(self, fixture):
        return load_file(self.folder / f"{fixture}.safetensors")

    def sequences(self, family, _):
        stored = self._read(family)
        return [stored[f"seq{i}.ids"].tolist() for i in range(len(self.settings["lengths"]))]

    def pairs(self, base, _):
        stored = self._read(f"tidpo_{base}") | self._read(f"pref_{base}")
        return [{side: stored[f"pair{i}.{side}"].tolist()
                 for side in ("prompt", "chosen", "rejected", "rejected2", "anchor")}
                for i in range(len(self.settings["pairs"]))]

    def gmsa(self, base, _):
        stored = self._read(f"gmsa_{base}")
        given = {name: stored[f"{name}_ids"].tolist() for name in ("prompt", "question", "answer")}
        given["contexts"] = {n: stored[f"ctx{n}.ids"].tolist() for n in self.settings["gmsa"]["contexts"]}
        return given

    def optimizer(self):
        stored = self._read("optim")
        names = [row["name"].removeprefix("w0.") for row in self._index("optim") if row["name"].startswith("w0.")]
        return ({name: stored[f"w0.{name}"] for name in names},
                [{name: stored[f"g{step}.{name}"] for name in names} for step in range(1, ADAMW["steps"] + 1)])

    def _index(self, fixture):
        return json.loads((self.folder / f"{fixture}.json").read_text())["tensors"]


def preference_networks(load, base):
    return [load(name) for name in (base, f"{base}_ref", *CONTRAST)]
