#!/usr/bin/env python3
"""Writes the token importances of probe rows as plain PyTorch finds them: the input of ../importance_ranks.py.

One JSON line per response: id, side, importance of every response token (EOS included), and offsets: per token the
character range in the response text, null for EOS."""
import argparse
import json

import arguments  # sets the environment of transformers first

import torch
from transformers import AutoModelForCausalLM

from attribution import importances
from preference_rows import PairTokenizer, read_jsonl


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--max-length", type=int, default=512, help="longer rows are left out")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
    tokens, left_out = PairTokenizer(options.model, "separate"), 0
    with open(options.output, "w", encoding="utf-8") as out:
        for row in read_jsonl(options.data):
            pair = tokens.pair(row)
            for side in ("chosen", "rejected"):
                ids = pair["prompt_ids"] + pair[f"{side}_ids"]
                if len(ids) > options.max_length:
                    left_out += 1
                    continue
                found = importances(model, [ids])[0][len(pair["prompt_ids"]):]
                offsets = tokens.continuation(row[side])[1]
                out.write(json.dumps({"id": row["id"], "side": side, "offsets": [*offsets, None],
                                      "importance": found.tolist()}) + "\n")
    print(f"{left_out} responses left out: longer than {options.max_length} tokens with their prompt")


if __name__ == "__main__":
    main()
