#!/usr/bin/env python3
"""A Markdown table of runs: mean and standard deviation over the seeds of a trainer. usage: summarise.py FILE.jsonl"""
import json
import pathlib
import sys
from collections import defaultdict

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from spread import spread  # noqa: E402

COLUMNS = ("rewards/accuracies", "rewards/margins", "logps/chosen", "logps/rejected", "loss",
           "prefers_chosen_per_token")


def main():
    runs = defaultdict(list)
    with open(sys.argv[1], encoding="utf-8") as lines:
        for run in map(json.loads, lines):
            runs[run["trainer"]].append(run)
    print("| trainer | seeds | " + " | ".join(COLUMNS) + " | seconds |")
    print("|---" * (len(COLUMNS) + 3) + "|")
    start = next(iter(runs.values()))[0]["before"]
    print("| before training | | " + " | ".join(f"{start[c]:.3f}" for c in COLUMNS) + " | |")
    for trainer, found in runs.items():
        cells = [spread([run["after"][c] for run in found]) for c in COLUMNS]
        seconds = spread([run["seconds"] for run in found])
        print(f"| {trainer} | {len(found)} | " + " | ".join(cells) + f" | {seconds} |")


if __name__ == "__main__":
    main()
