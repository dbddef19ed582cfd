"""Texts that begin some tokens later, so that the groups of a compressor fall elsewhere in them."""

import json
import subprocess


def first_pieces(hone, model, text, count, environment):
    """The first tokens of a text, as far as they are plain ASCII, in characters."""
    answer = subprocess.run(
        [hone, "generate", "--model", model, "--prompt", text, "--max-new", "1", "--threads", "1", "--json"],
        env=environment, check=True, capture_output=True, text=True).stdout
    with open(f"{model}/tokenizer.json", encoding="utf-8") as file:
        pieces = {number: piece for piece, number in json.load(file)["model"]["vocab"].items()}
    found = [pieces[number].replace("\u0120", " ") for number in json.loads(answer)["prompt_ids"][:count]]
    return found if text.startswith("".join(found)) else None


def write(hone, model, folder, rate, environment, limit=100):
    """shift-0.jsonl to shift-(rate - 1).jsonl: the same texts, each without its first so many tokens."""
    if (folder / f"shift-{rate - 1}.jsonl").exists():
        return
    with open(folder / "windows-eval.jsonl", encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    files = [[] for _ in range(rate)]
    for text in texts:
        if len(files[0]) == limit:
            break
        pieces = first_pieces(hone, model, text, rate - 1, environment) if text.isascii() else None
        rests = [text[len("".join(pieces[:shift])):] for shift in range(rate)] if pieces else []
        if not rests or not rests[-1].strip(" ."):
            continue
        for rows, rest in zip(files, rests):
            rows.append({"context": rest, "question": "Restate the aforementioned Text.", "answer": rest})
    for shift, rows in enumerate(files):
        with open(folder / f"shift-{shift}.jsonl", "w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
