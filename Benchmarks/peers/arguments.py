"""The options that every trainer here shares; defaults are those of the documented comparison."""
import argparse
import json
import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["CUDA_VISIBLE_DEVICES"] = ""


def training_parser(about):
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--model", required=True, help="Hugging Face folder of the starting model")
    parser.add_argument("--train", required=True, help="preference rows, JSON Lines")
    parser.add_argument("--eval", required=True)
    parser.add_argument("--output", required=True, help="JSON Lines file that receives one line per run")
    parser.add_argument("--save", help="folder that receives the trained model")
    parser.add_argument("--tokenize", choices=("joint", "separate"), default="joint")
    parser.add_argument("--max-length", type=int, default=256)
    parser.add_argument("--beta", type=float, default=0.1)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--batch", type=int, default=8, help="pairs of one optimizer step")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--warmup", type=float, default=0.1, help="share of all steps")
    parser.add_argument("--clip", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    return parser


def record(arguments, kind, **results):
    settings = {k: v for k, v in vars(arguments).items() if k not in ("model", "train", "eval", "output", "save")}
    line = {"trainer": kind, "settings": settings, "model": Path(arguments.model).name,
            "train": Path(arguments.train).name, "eval": Path(arguments.eval).name, **results}
    with open(arguments.output, "a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")
    print(json.dumps(line))
