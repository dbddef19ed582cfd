"""What the peers of Benchmarks/speed share: options, models, rows, timing, one JSON line at the end."""
import argparse
import contextlib
import json
import os
import resource
import time

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", TQDM_DISABLE="1", ACCELERATE_USE_CPU="1")

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def parser(description):
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--model", required=True)
    result.add_argument("--rows")
    result.add_argument("--batch", type=int, default=4)
    result.add_argument("--rank", type=int, default=0, help="LoRA on all linears; 0: all parameters")
    result.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    result.add_argument("--threads", type=int, default=2)
    result.add_argument("--warmup", type=int, default=1)
    result.add_argument("--repeats", type=int, default=3)
    result.add_argument("--compile", action="store_true")
    return result


def parsed(arguments):
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    return options


def opened(options):
    return AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32, use_cache=False)


def lora(rank):
    from peft import LoraConfig
    return LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=LINEARS, task_type="CAUSAL_LM")


def adapted(model, options):
    """The model to train: with adapters where a rank is given."""
    if not options.rank:
        return model
    from peft import get_peft_model
    return get_peft_model(model, lora(options.rank))


def optimizer(model):
    return torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-6, weight_decay=0, fused=True)


def clipped_step(model, update):
    torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
    update.step()
    update.zero_grad(set_to_none=True)


def autocast(options):
    return torch.autocast("cpu", dtype=torch.bfloat16) if options.precision == "bf16" else contextlib.nullcontext()


def token_rows(options, *fields):
    """Ids of the named fields of every row; responses with the end token that hone adds."""
    tokenizer = Tokenizer.from_file(options.model + "/tokenizer.json")
    end = tokenizer.token_to_id("</s>")

    def ids(row, field):
        found = tokenizer.encode(row[field]).ids
        return found + [end] if field in ("chosen", "rejected", "response") else found

    with open(options.rows) as lines:
        return [[ids(row, field) for field in fields] for row in map(json.loads, lines)]


def padded(sequences):
    """Ids and mask of sequences of unequal length, padded on the right."""
    longest = max(map(len, sequences))
    ids = torch.tensor([s + [0] * (longest - len(s)) for s in sequences])
    mask = torch.tensor([[1] * len(s) + [0] * (longest - len(s)) for s in sequences])
    return ids, mask


def batches(rows, size):
    """Endless batches in the order of the file."""
    start = 0
    while True:
        yield [rows[(start + i) % len(rows)] for i in range(size)]
        start += size


def write(seconds, losses=(), **more):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(dict(
        seconds=seconds, losses=list(losses), peak_rss_bytes=peak, threads=torch.get_num_threads(),
        torch=torch.__version__, **more)), flush=True)


def measured(options, step):
    """Runs `step` untimed, then timed, and reports; what it returns is a loss or None."""
    seconds, losses = [], []
    for index in range(options.warmup + options.repeats):
        started = time.perf_counter()
        loss = step()
        if index >= options.warmup:
            seconds.append(time.perf_counter() - started)
        if loss is not None:
            losses.append(float(loss))
    write(seconds, losses)
