"""The Hugging Face folders under models/: tiny random models, adapters, and the GMSA compressor's own layers."""
import json
import math

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

from .network import module_paths
from .settings import (BOS, EOS, FAMILIES, GMSA_BASES, LINEARS, LLAMA_SHAPED, LORA_BASES, PREFERENCE_BASES, TIED)

SAVED_BY_TORCH = {"format": "pt"}
ARCHITECTURES = {"mistral": "MistralForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}


def published_config(settings, family):
    """config.json in the spelling of published checkpoints (rope_theta, rope_scaling, torch_dtype)."""
    kind = "llama" if family in LLAMA_SHAPED else family
    config = {
        "architectures": [ARCHITECTURES.get(kind, "LlamaForCausalLM")], "model_type": kind,
        "vocab_size": settings["vocab"], "hidden_size": settings["hidden"],
        "intermediate_size": settings["intermediate"], "num_hidden_layers": settings["layers"],
        "num_attention_heads": settings["heads"], "num_key_value_heads": settings["kv_heads"],
        "hidden_act": "silu", "max_position_embeddings": settings["max_positions"],
        "rms_norm_eps": settings["rms_norm_eps"][family], "rope_theta": settings["rope_theta"][family],
        "rope_scaling": None, "tie_word_embeddings": family in TIED, "attention_dropout": 0.0,
        "initializer_range": 0.02, "use_cache": True, "bos_token_id": BOS, "eos_token_id": EOS,
        "torch_dtype": "float32",
    }
    if family in settings["head_dim"]:
        config["head_dim"] = settings["head_dim"][family]
    if kind == "llama":
        config |= {"attention_bias": False, "mlp_bias": False}
    if family == "llama3_rope":
        config["rope_scaling"] = settings["llama3"] | {"rope_type": "llama3"}
    if kind == "mistral":
        config["sliding_window"] = settings["sliding_window"]
    if kind == "qwen2":
        config |= {"use_sliding_window": False, "sliding_window": 4, "max_window_layers": settings["layers"]}
    if kind == "qwen3":
        config |= {"attention_bias": False, "use_sliding_window": False, "sliding_window": None,
                   "max_window_layers": settings["layers"]}
    return config


def parameter_order(folder):
    """Names in the order of transformers' named_parameters(); a tied head is not among them."""
    with torch.device("meta"):
        shell = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    return {name: tuple(parameter.shape) for name, parameter in shell.named_parameters()}


def _drawn(noise, name, shape, tied):
    """Scales that keep attention, gate and softmax away from their linear range."""
    if name.endswith("norm.weight"):
        return 1 + 0.2 * noise
    if name.endswith("bias"):
        return 0.25 * noise
    if "embed_tokens" in name:
        return (0.35 if tied else 0.7) * noise
    lively = any(part in name for part in ("q_proj", "k_proj", "lm_head"))
    return (1.6 if lively else 1.1) / math.sqrt(shape[1]) * noise


def write_model(folder, family, settings, randomness):
    folder.mkdir(parents=True)
    config = published_config(settings, family)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    # The same model as Transformers 5 spells it: rope_parameters, dtype.
    (folder / "config_v5.json").write_text(AutoConfig.from_pretrained(folder).to_json_string(use_diff=True))
    weights = {}
    for name, shape in parameter_order(folder).items():
        noise = randomness.normal(shape, folder.name, name)
        weights[name] = _drawn(noise, name, shape, family in TIED).astype(np.float32)
    save_file(weights, folder / "model.safetensors", metadata=SAVED_BY_TORCH)


def write_reference(models, family, randomness):
    """A reference correlated with the policy: its weights, shrunk a little and disturbed."""
    folder = models / f"{family}_ref"
    folder.mkdir(parents=True)
    for name in ("config.json", "config_v5.json"):
        (folder / name).write_text((models / family / name).read_text())
    weights = {}
    for name, w in load_file(models / family / "model.safetensors").items():
        w = w.astype(np.float64)
        noise = randomness.normal(w.shape, folder.name, name)
        weights[name] = (0.96 * w + 0.2 * max(w.std(), 0.05) * noise).astype(np.float32)
    save_file(weights, folder / "model.safetensors", metadata=SAVED_BY_TORCH)


def write_adapter(folder, base, layers, rank, alpha, weight_shapes, randomness):
    """A PEFT folder over all seven linears of the first `layers` blocks, A and B both non-zero."""
    folder.mkdir(parents=True)
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "r": rank,
        "lora_alpha": alpha, "lora_dropout": 0.0, "bias": "none", "fan_in_fan_out": False, "inference_mode": True,
        "init_lora_weights": True, "modules_to_save": None, "layers_pattern": None, "layers_to_transform": None,
        "rank_pattern": {}, "alpha_pattern": {}, "use_rslora": False, "use_dora": False, "revision": None,
        "target_modules": sorted(LINEARS),
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    matrices = {}
    for module in module_paths(layers):
        rows, columns = weight_shapes[module + ".weight"]
        for letter, shape, scale in (("A", (rank, columns), columns ** -0.5), ("B", (rows, rank), 0.35)):
            key = f"base_model.model.{module}.lora_{letter}.weight"
            noise = randomness.normal(shape, "/".join(folder.parts[-2:]), key)
            matrices[key] = (scale * noise).astype(np.float32)
    save_file(matrices, folder / "adapter_model.safetensors", metadata=SAVED_BY_TORCH)


def write_alignment_layers(folder, base_folder, layers, randomness):
    """lsa.safetensors: the base model's first layers, moved away from it as training would."""
    kept = {}
    for name, w in load_file(base_folder / "model.safetensors").items():
        parts = name.split(".")
        if parts[1] != "layers" or int(parts[2]) >= layers:
            continue
        noise = randomness.normal(w.shape, folder.name, "lsa", name)
        kept[name.removeprefix("model.")] = (w + 0.12 * max(w.std(), 0.3 * (w.ndim == 1)) * noise).astype(np.float32)
    save_file(kept, folder / "lsa.safetensors", metadata=SAVED_BY_TORCH)


def write_all(models, settings, randomness):
    for family in FAMILIES:
        write_model(models / family, family, settings, randomness)
    for base in PREFERENCE_BASES:
        write_reference(models, base, randomness)
    for base in LORA_BASES:
        write_adapter(models / f"{base}_lora", base, settings["layers"], settings["lora"]["r"],
                      settings["lora"]["alpha"], parameter_order(models / base), randomness)
    g = settings["gmsa"]
    for base in GMSA_BASES:
        folder = models / f"{base}_gmsa"
        write_adapter(folder / "encoder_lora", base, g["encoder_layers"], g["lora_r"], g["lora_alpha"],
                      parameter_order(models / base), randomness)
        write_alignment_layers(folder, models / base, g["lsa_layers"], randomness)
