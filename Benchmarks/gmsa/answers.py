"""Answers of models that read the whole text or nothing, scored as hone scores those behind soft tokens."""

import json
import re
import subprocess

LIMIT, MAX_NEW = 100, 16
# The arms that are read without soft tokens, and which rows they read.
READERS = {"text": "full", "closed": "closed"}


def normalized(text):
    """Lower case, without punctuation, articles and further spaces, as SQuAD's evaluation has it."""
    plain = re.sub(r"[!-/:-@[-`{-~]", "", text.lower())
    return [word for word in plain.split() if word not in ("a", "an", "the")]


def f1(answer, gold):
    """Words in common, with their counts."""
    common = sum(min(answer.count(word), gold.count(word)) for word in set(answer))
    return 2 * common / (len(answer) + len(gold)) if common else 0.0


def rows_of(name):
    """The evaluation rows of a reader: e4-facts-text-1 reads facts-eval-full.jsonl."""
    _, questions, arm, _ = name.split("-")
    return f"{questions}-eval-{READERS[arm]}.jsonl"


def write(hone, model, path, rows, environment):
    """Greedy answers to the first rows, and how many are right."""
    if path.exists():
        return
    with open(rows, encoding="utf-8") as file:
        asked = [json.loads(line) for line in file][:LIMIT]
    written = []
    for row in asked:
        output = subprocess.run(
            [hone, "generate", "--model", model, "--prompt", row["prompt"], "--max-new", str(MAX_NEW), "--threads", "1",
             "--json"], env=environment, check=True, capture_output=True, text=True).stdout
        written.append(json.loads(output)["text"])
    pairs = [(normalized(answer), normalized(row["response"])) for answer, row in zip(written, asked)]
    path.write_text(json.dumps({
        "exact_match": sum(answer == gold for answer, gold in pairs) / len(pairs),
        "f1": sum(f1(answer, gold) for answer, gold in pairs) / len(pairs), "written": written}), encoding="utf-8")
