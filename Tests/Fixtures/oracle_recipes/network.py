"""A decoder-only transformer in plain float64 PyTorch: the primary source of every number in the fixtures.

transformers computes RMSNorm and rotary angles in float32 whatever the model's precision is; this network does not.
witness.py compares the two."""
import json
import math
from dataclasses import dataclass

import torch
from safetensors.torch import load_file

from .settings import ATTENTION_LINEARS, LINEARS, require

F64 = torch.float64


def rotary_frequencies(theta, dim, scaling):
    """Inverse frequencies [dim / 2]; `scaling` is None or the llama3 dictionary of a config."""
    frequencies = []
    for j in range(dim // 2):
        f = theta ** (-2.0 * j / dim)
        frequencies.append(f if scaling is None else _llama3_scaled(f, scaling))
    return torch.tensor(frequencies, dtype=F64)


def _llama3_scaled(f, scaling):
    require(scaling["rope_type"] == "llama3", f"rope type {scaling['rope_type']}: only llama3 is known")
    turns = scaling["original_max_position_embeddings"] * f / (2 * math.pi)
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    if turns < low:
        return f / scaling["factor"]
    if turns > high:
        return f
    blend = (turns - low) / (high - low)
    return (1 - blend) * f / scaling["factor"] + blend * f


@dataclass
class Adapter:
    """LoRA matrices by module path (`model.layers.0.self_attn.q_proj`): y += scale * (x A^T) B^T."""
    scale: float
    pairs: dict

    def named(self):
        """(PEFT key, matrix) in PEFT's order: A then B of every linear, layer by layer."""
        return [(f"base_model.model.{module}.lora_{letter}.weight", matrix)
                for module, both in self.pairs.items() for letter, matrix in zip("AB", both)]


def module_paths(layers):
    return [f"model.layers.{i}.{'self_attn' if name in ATTENTION_LINEARS else 'mlp'}.{name}"
            for i in range(layers) for name in LINEARS]


def load_adapter(folder, layers):
    config = json.loads((folder / "adapter_config.json").read_text())
    stored = load_file(folder / "adapter_model.safetensors")
    pairs = {}
    for module in module_paths(layers):
        keys = [f"base_model.model.{module}.lora_{letter}.weight" for letter in "AB"]
        pairs[module] = tuple(stored[key].double().requires_grad_(True) for key in keys)
    return Adapter(config["lora_alpha"] / config["r"], pairs)


class Network:
    """Functional model: a classic config dictionary, float64 weights under Hugging Face names, perhaps an adapter."""

    def __init__(self, config, weights, adapter=None):
        self.config, self.weights, self.adapter = config, weights, adapter
        self.heads = config["num_attention_heads"]
        self.kv_heads = config["num_key_value_heads"]
        self.head_dim = config.get("head_dim") or config["hidden_size"] // self.heads
        # Qwen configs carry a window that use_sliding_window switches off.
        self.window = config.get("sliding_window") if config.get("use_sliding_window", True) else None
        self.frequencies = rotary_frequencies(config["rope_theta"], self.head_dim, config.get("rope_scaling"))

    @classmethod
    def load(cls, folder, adapter=None):
        config = json.loads((folder / "config.json").read_text())
        stored = load_file(folder / "model.safetensors")
        return cls(config, {name: w.double().requires_grad_(True) for name, w in stored.items()}, adapter)

    @property
    def table(self):
        return self.weights["model.embed_tokens.weight"]

    def embedded(self, ids):
        return self.table[torch.as_tensor(ids, dtype=torch.long)]

    def states(self, rows, positions=None, visible=None, layers=None):
        """Hidden states [T, D] after `layers` blocks (all by default) and the final norm."""
        count = len(rows)
        positions = torch.arange(count) if positions is None else torch.as_tensor(positions)
        visible = self._causal(count) if visible is None else visible
        turn = positions[:, None].double() * self.frequencies
        turn = (turn.cos(), turn.sin())
        x = rows
        for i in range(self.config["num_hidden_layers"] if layers is None else layers):
            block = f"model.layers.{i}."
            x = x + self._attention(block + "self_attn.", self._norm(x, block + "input_layernorm"), turn, visible)
            x = x + self._mlp(block + "mlp.", self._norm(x, block + "post_attention_layernorm"))
        return self._norm(x, "model.norm")

    def logits(self, ids=None, rows=None, positions=None, visible=None):
        """Logits [T, V] of one unpadded sequence, given as ids or as embedding rows."""
        rows = self.embedded(ids) if rows is None else rows
        head = self.table if self.config["tie_word_embeddings"] else self.weights["lm_head.weight"]
        return self.states(rows, positions, visible) @ head.T

    def _causal(self, count):
        query, key = torch.arange(count)[:, None], torch.arange(count)[None, :]
        seen = key <= query
        return seen & (query - key < self.window) if self.window else seen

    def _norm(self, x, name):
        scale = (x.square().mean(-1, keepdim=True) + self.config["rms_norm_eps"]).rsqrt()
        return x * scale * self.weights[name + ".weight"]

    def _linear(self, x, name):
        y = x @ self.weights[name + ".weight"].T
        if name + ".bias" in self.weights:
            y = y + self.weights[name + ".bias"]
        if self.adapter and name in self.adapter.pairs:
            a, b = self.adapter.pairs[name]
            y = y + self.adapter.scale * (x @ a.T) @ b.T
        return y

    def _attention(self, name, x, turn, visible):
        q, k, v = (self._linear(x, name + f"{part}_proj").view(len(x), -1, self.head_dim).transpose(0, 1)
                   for part in "qkv")
        if name + "q_norm.weight" in self.weights:
            q, k = self._norm(q, name + "q_norm"), self._norm(k, name + "k_norm")
        q, k = self._rotated(q, turn), self._rotated(k, turn)
        k, v = (t.repeat_interleave(self.heads // self.kv_heads, dim=0) for t in (k, v))
        scores = q @ k.transpose(1, 2) / math.sqrt(self.head_dim)
        mixed = torch.softmax(scores.masked_fill(~visible, -math.inf), -1) @ v
        return self._linear(mixed.transpose(0, 1).reshape(len(x), -1), name + "o_proj")

    def _rotated(self, x, turn):
        cos, sin = turn
        first, second = x.chunk(2, -1)
        return torch.cat((first * cos - second * sin, second * cos + first * sin), -1)

    def _mlp(self, name, x):
        gate = torch.nn.functional.silu(self._linear(x, name + "gate_proj"))
        return self._linear(gate * self._linear(x, name + "up_proj"), name + "down_proj")


def token_logprobs(logits, tokens):
    """log p of tokens[t] under row t [T]."""
    return torch.log_softmax(logits, -1).gather(1, torch.as_tensor(tokens, dtype=torch.long)[:, None])[:, 0]


def gradients(value, named):
    """d value / d every named tensor; zeros where the value does not depend on one."""
    found = torch.autograd.grad(value, [t for _, t in named], allow_unused=True, retain_graph=True)
    return {name: torch.zeros_like(t) if g is None else g for (name, t), g in zip(named, found)}


@torch.no_grad()
def greedy(network, count, ids=None, rows=None):
    """`count` arg-max tokens, each from a full forward, and the smallest lead of a winner over its runner-up."""
    rows, chosen, lead = network.embedded(ids) if rows is None else rows, [], math.inf
    for _ in range(count):
        best = torch.topk(network.logits(rows=rows)[-1], 2)
        lead = min(lead, float(best.values[0] - best.values[1]))
        chosen.append(int(best.indices[0]))
        rows = torch.cat((rows, network.embedded(chosen[-1:])))
    return chosen, lead
