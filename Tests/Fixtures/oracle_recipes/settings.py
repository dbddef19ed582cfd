"""Shapes of the tiny models, lengths of the token lists, and the hyper-parameters written into the indexes."""
import copy
import json

PAD, BOS, EOS = 0, 1, 2
FIRST_TEXT_ID = 3  # random text never contains a special id

FAMILIES = ("llama", "llama_tied", "llama3_rope", "mistral", "qwen2", "qwen3", "smollm2")
LLAMA_SHAPED = ("llama", "llama_tied", "llama3_rope", "smollm2")
TIED = ("llama_tied", "qwen3", "smollm2")
LORA_BASES = ("llama", "qwen2")
PREFERENCE_BASES = ("llama", "qwen3")
GMSA_BASES = ("llama", "qwen2")
CONTRAST = ("smollm2", "llama3_rope")  # TIS-DPO's positive and negative model: any two over one vocabulary

ATTENTION_LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj")
MLP_LINEARS = ("gate_proj", "up_proj", "down_proj")
LINEARS = ATTENTION_LINEARS + MLP_LINEARS

# Everything a caller may override with --config; the manifest records the result.
DEFAULTS = {
    "hidden": 24, "layers": 2, "heads": 4, "kv_heads": 2, "vocab": 53, "intermediate": 36, "max_positions": 64,
    "head_dim": {"llama": 6, "llama3_rope": 8, "mistral": 8, "qwen3": 10},
    "rms_norm_eps": {"llama": 1e-5, "llama_tied": 1e-5, "llama3_rope": 1e-5, "mistral": 1e-5,
                     "qwen2": 1e-6, "qwen3": 1e-6, "smollm2": 1e-5},
    "rope_theta": {"llama": 1e4, "llama_tied": 1e4, "llama3_rope": 500.0, "mistral": 1e4,
                   "qwen2": 1e6, "qwen3": 1e6, "smollm2": 1e5},
    "llama3": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 32},
    "sliding_window": 5,
    "lengths": [1, 4, 11, 18],
    "greedy_tokens": 8,
    "full_f64": ["llama"],
    "lora": {"r": 3, "alpha": 6},
    "pairs": [
        {"prompt": 5, "chosen": 4, "rejected": 6, "rejected2": 3, "anchor": 7, "anchor_ends_with_eos": False},
        {"prompt": 3, "chosen": 7, "rejected": 2, "rejected2": 5, "anchor": 4, "anchor_ends_with_eos": True},
        {"prompt": 9, "chosen": 3, "rejected": 8, "rejected2": 4, "anchor": 5, "anchor_ends_with_eos": True},
    ],
    "gmsa": {"encoder_layers": 1, "lora_r": 4, "lora_alpha": 3, "lsa_layers": 1, "rates": [1, 2, 4],
             "contexts": [3, 7, 13], "prompt": 3, "question": 4, "answer": 5, "greedy_tokens": 6,
             "full_grads": [[13, 4]], "keft": [[13, 4], [7, 2]],
             "batch": {"contexts": [3, 7, 13], "rate": 4}},
}

ADAMW = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01, "clip_norm": 1.0, "steps": 3}
ADAMW_RULE = ("clip: total L2 norm over all trainables, gradients times min(1, clip_norm / (norm + 1e-6)); then "
              "w *= 1 - lr wd (matrices only); m, v bias-corrected; w -= lr m^ / (sqrt(v^) + eps)")

PREFERENCE = {
    "beta": 0.1, "label_smoothing": 0.1, "ipo_tau": 0.1, "simpo_beta": 2.0, "simpo_ratio": 0.5, "tdpo_alpha": 0.5,
    "hinge_wide_beta": 1.0,
    "beta_dpo": {"a": 0.6, "ema": 0.9, "beta_min": 1e-3, "m_prev": 0.3, "s_prev": 1.0, "kept": [0, 2]},
}

TIS = {"beta": 0.1, "mu": 1.0, "k": 1.0, "L": -0.5, "U": 1.5, "scale_min": 0.7, "scale_max": 1.3,
       "clip_min": -1.5, "clip_max": 1.5, "eos_weight": 0.0}


def _preset(base, span, target, lam, sigma_div, beta, alpha, gamma, margin):
    return {"base": base, "span": span, "target": target, "lambda": lam, "sigma_div": sigma_div, "beta": beta,
            "alpha": alpha, "gamma": gamma, "margin": margin}


PRESETS = {
    "paper_eq": _preset("dpo", "response", "predict_last", 0.7, 4.0, 0.1, 0.0, 0.1, 0.1),
    "paper_table": _preset("tdpo2", "response", "predict_last", 0.7, 4.0, 0.1, 0.5, 0.1, 0.1),
    "release": _preset("tdpo2", "full", "after_last", 0.2, 8.0, 0.2, 0.5, 0.001, 0.001),
    "no_triplet": _preset("dpo", "response", "predict_last", 0.7, 4.0, 0.1, 0.0, 0.0, 0.1),
}


class FixtureError(Exception):
    """A generated number breaks a promise of the fixtures, or a stored one disagrees with its recomputation."""


def require(condition, text):
    if not condition:
        raise FixtureError(text)


def _merged(base, override, path):
    for key, value in override.items():
        require(key in base, f"{path}{key}: unknown setting; known are {', '.join(sorted(base))}")
        nested = isinstance(value, dict) and isinstance(base[key], dict)
        base[key] = _merged(base[key], value, f"{path}{key}.") if nested else value
    return base


def load(path=None):
    """The defaults, with the entries of a JSON file put over them."""
    settings = copy.deepcopy(DEFAULTS)
    if path is None:
        return settings
    with open(path, encoding="utf-8") as file:
        return _merged(settings, json.load(file), "")
