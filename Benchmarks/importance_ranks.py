#!/usr/bin/env python3
"""Do the importances find the words that differ? Rank statistics against the marked spans of a probe file.

    importance_ranks.py --probe importance_probe.jsonl --importances FILE.jsonl [--lambda 0 --lambda 0.7 --lambda 1]

FILE has one JSON object per response, as `hone importance` writes it: row (counted from 0; or the probe's id), side (chosen or rejected), offsets (per token its character range [start,
end) in the response, counted in Unicode scalars, or null), importance (per token, EOS included). A token is marked when
its range meets a span. For each lambda the weights are lambda * share of importance + (1 - lambda) * Gaussian prior.

AUC of a response: the chance that a marked token weighs more than an unmarked one, ties counting half; 0.5 is blind.
Only responses that have both kinds of tokens count. lambda 0 is the control: position alone. Standard library only."""
import argparse
import json
import math
import random
import statistics
from collections import defaultdict

RESAMPLES = 2000


def weights(importance, lam, sigma_div=4.0):
    """Any common scale will do here: ranks do not see it."""
    count, total = len(importance), sum(importance)
    sigma = max(1.0, count / sigma_div)
    prior = [math.exp(-0.5 * ((t - (count - 1) / 2) / sigma) ** 2) for t in range(count)]
    mass = sum(prior)
    prior = [p / mass for p in prior]
    share = [i / total for i in importance] if total > 0 else prior
    return [lam * s + (1 - lam) * p for s, p in zip(share, prior)]


def marked(offsets, spans):
    return [any(start < stop and end > begin for begin, stop in spans for start, end in [o]) for o in offsets]


def auc(values, marks):
    hits = [v for v, m in zip(values, marks) if m]
    rest = [v for v, m in zip(values, marks) if not m]
    won = sum((h > r) + 0.5 * (h == r) for h in hits for r in rest)
    return won / (len(hits) * len(rest))


def top_is_marked(values, marks):
    return marks[max(range(len(values)), key=values.__getitem__)]


def interval(values, seed=1):
    """95 % bootstrap interval of the mean."""
    draw = random.Random(seed)
    means = sorted(statistics.fmean(draw.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return [round(means[int(q * RESAMPLES)], 4) for q in (0.025, 0.975)]


def responses(probe, importances):
    """(source, side, importance with EOS, indices of text tokens, marks of these) of every response that counts."""
    with open(probe, encoding="utf-8") as lines:
        rows = list(map(json.loads, lines))
    named = {row["id"]: row for row in rows}
    with open(importances, encoding="utf-8") as lines:
        for found in map(json.loads, lines):
            row = named[found["id"]] if "id" in found else rows[found["row"]]
            text = [i for i, offset in enumerate(found["offsets"]) if offset is not None]
            marks = marked([found["offsets"][i] for i in text], row[f"{found['side']}_spans"])
            if any(marks) and not all(marks):
                yield row["source"], found["side"], found["importance"], text, marks


def summary(results):
    areas = [r["auc"] for r in results]
    return {"responses": len(areas), "mean_auc": round(statistics.fmean(areas), 4), "interval": interval(areas),
            "median_auc": round(statistics.median(areas), 4),
            "above_half": round(sum(a > 0.5 for a in areas) / len(areas), 4),
            "top_token_marked": round(statistics.fmean(r["top"] for r in results), 4),
            "marked_share": round(statistics.fmean(r["share"] for r in results), 4)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--probe", required=True)
    parser.add_argument("--importances", required=True)
    parser.add_argument("--lambda", dest="lambdas", type=float, action="append")
    options = parser.parse_args()
    measured = list(responses(options.probe, options.importances))
    for lam in options.lambdas or (0.0, 0.7, 1.0):
        groups = defaultdict(list)
        for source, side, importance, text, marks in measured:
            values = [weights(importance, lam)[i] for i in text]
            result = {"auc": auc(values, marks), "top": top_is_marked(values, marks),
                      "share": sum(marks) / len(marks)}
            for group in ("all", f"side {side}", f"source {source}"):
                groups[group].append(result)
        print(json.dumps({"lambda": lam} | {name: summary(groups[name]) for name in sorted(groups)}))


if __name__ == "__main__":
    main()
