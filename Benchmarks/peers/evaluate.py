#!/usr/bin/env python3
"""Measures a finished model by the same yardstick as the trainers here, whoever trained it."""
import argparse
import json

import arguments  # sets the environment of transformers first

import torch
from transformers import AutoModelForCausalLM

from preference_rows import PairTokenizer, both_sides, measured


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trainer", required=True, help="name that the line of results carries")
    parser.add_argument("--policy", required=True)
    parser.add_argument("--reference", required=True, help="the starting model")
    parser.add_argument("--eval", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="wall time of the training")
    parser.add_argument("--tokenize", choices=("joint", "separate"), default="joint")
    parser.add_argument("--max-length", type=int, default=256)
    parser.add_argument("--beta", type=float, default=0.1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    pairs = PairTokenizer(options.reference, options.tokenize).pairs(options.eval, options.max_length)
    policy, reference = (both_sides(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval(), pairs)
                         for folder in (options.policy, options.reference))
    line = {"trainer": options.trainer, "settings": {"seed": options.seed}, "seconds": options.seconds,
            "before": measured(reference, reference, pairs, options.beta),
            "after": measured(policy, reference, pairs, options.beta)}
    with open(options.output, "a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")
    print(json.dumps(line))


if __name__ == "__main__":
    main()
