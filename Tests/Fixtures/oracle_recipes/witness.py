"""transformers and PEFT as witnesses: what they compute from the same folders must equal our own network."""
import types

import torch
from peft import PeftModel
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import AutoConfig, AutoModelForCausalLM

from .network import rotary_frequencies


def _exact_norm(self, x):
    return self.weight * x / torch.sqrt(x.square().mean(-1, keepdim=True) + self.variance_epsilon)


def _exact_rotary(self, x, position_ids):
    rope = dict(self.config.rope_parameters)
    scaling = rope if rope.get("rope_type", "default") != "default" else None
    dim = getattr(self.config, "head_dim", None) or self.config.hidden_size // self.config.num_attention_heads
    angle = position_ids[..., None].double() * rotary_frequencies(rope["rope_theta"], dim, scaling)
    angle = torch.cat((angle, angle), -1)
    return angle.cos(), angle.sin()


def in_float64(model):
    """transformers' model without its float32 detours in the norms and the rotary angles."""
    for module in model.double().eval().modules():
        kind = type(module).__name__
        if kind.endswith("RMSNorm"):
            module.forward = types.MethodType(_exact_norm, module)
        elif kind.endswith("RotaryEmbedding"):
            module.forward = types.MethodType(_exact_rotary, module)
    return model


def transformers_model(folder, dtype=torch.float64, layers=None):
    config = AutoConfig.from_pretrained(folder)
    if layers is not None:
        config.num_hidden_layers = layers
        if getattr(config, "layer_types", None):
            config.layer_types = config.layer_types[:layers]
    model = AutoModelForCausalLM.from_pretrained(folder, config=config, dtype=dtype, attn_implementation="sdpa")
    return in_float64(model) if dtype == torch.float64 else model.eval()


def peft_model(folder, adapter_folder, layers=None):
    model = PeftModel.from_pretrained(transformers_model(folder, layers=layers), adapter_folder, is_trainable=True)
    return in_float64(model)


def logits(model, ids=None, rows=None):
    given = {"input_ids": torch.as_tensor(ids)[None]} if rows is None else {"inputs_embeds": rows[None]}
    with sdpa_kernel(SDPBackend.MATH):
        return model(**given, use_cache=False).logits[0]


def states(model, rows):
    """Hidden states after the final norm; `model` is a causal LM."""
    with sdpa_kernel(SDPBackend.MATH):
        return model.model(inputs_embeds=rows[None], use_cache=False).last_hidden_state[0]
