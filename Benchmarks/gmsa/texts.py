"""Data of the GMSA experiments, from plain text: windows to read, restatements, facts to ask about."""

import json
import random
import re

INSTRUCTION = "Restate the aforementioned Text."

PEOPLE = "Anna Ben Carla David Emma Frank Grace Henry Ivy Jack Kate Leo Mary Nick Olga Paul Rose Sam Tina Will".split()
THINGS = (
    "apple ball bell bird boat book box bread cake cat chair coat cup dog doll drum egg fish flag hat horse key kite "
    "lamp leaf map milk nut pen pie ring rope seed ship shoe spoon star stone toy tree").split()


def documents(path):
    """Documents of a text file, which blank lines separate."""
    with open(path, encoding="utf-8") as file:
        return [" ".join(part.split()) for part in file.read().split("\n\n") if part.strip()]


def window(rng, texts, low, high):
    """A piece of a document that begins with a letter and ends with a mark, of about so many characters."""
    while True:
        text = rng.choice(texts)
        length = rng.randint(low, high)
        if len(text) < low:
            continue
        start = rng.randrange(max(1, len(text) - length + 1))
        words = text[start:start + length].split(" ")[1:-1]
        piece = re.sub(r"[^\w]+$", "", re.sub(r"^[^A-Za-z]+", "", " ".join(words)))
        if len(piece) >= low // 2:
            return piece + "."


def random_words(rng, words, low, high):
    """Words that no prior predicts, of about so many characters."""
    piece, length = [], rng.randint(low, high)
    while sum(len(word) + 1 for word in piece) < length:
        piece.append(rng.choice(words))
    return " ".join(piece) + "."


def vocabulary(texts, count=3000):
    """The most frequent plain words."""
    counts = {}
    for text in texts:
        for word in re.findall(r"\b[a-z]{2,8}\b", text):
            counts[word] = counts.get(word, 0) + 1
    return sorted(counts, key=lambda word: (-counts[word], word))[:count]


def facts(rng, count):
    """A context of facts and a question about one of them, in the shape of the qa_* files."""
    people, things = rng.sample(PEOPLE, count), rng.sample(THINGS, count)
    lines = [f"{person} has the {thing}." for person, thing in zip(people, things)]
    asked = rng.randrange(count)
    return {
        "context": " ".join(lines), "question": f" Who has the {things[asked]}?", "answer": " " + people[asked],
        "answers": [people[asked]]}


def write_rows(path, rows):
    """JSON Lines."""
    with open(path, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_stage0(folder, corpus, held_out, sizes, seed):
    """Reading and restating in equal parts, facts among them; and what the autoencoder reads."""
    rng = random.Random(seed)
    texts, held = documents(corpus), documents(held_out)
    words = vocabulary(texts)
    low, high = sizes["characters"]

    def restated(source):
        piece = random_words(rng, words, low, high) if rng.random() < 0.4 else window(rng, source, low, high)
        return {"text": piece + INSTRUCTION + piece}

    def read(source):
        return {"text": window(rng, source, 2 * high, 3 * high)}

    rows = [restated(texts) if index % 2 else read(texts) for index in range(sizes["stage0"])]
    write_rows(folder / "stage0.jsonl", rows)
    write_rows(folder / "restate-eval.jsonl", [restated(held) for _ in range(200)])
    write_rows(folder / "windows.jsonl", [{"text": window(rng, texts, low, high)} for _ in range(sizes["windows"])])
    write_rows(folder / "windows-eval.jsonl", [{"text": window(rng, held, low, high)} for _ in range(200)])
    write_rows(
        folder / "words-eval.jsonl", [{"text": random_words(rng, words, low, high)} for _ in range(200)])


def write_questions(folder, sizes, seed):
    """Questions for compressed contexts, and the same for a decoder that reads the text or nothing."""
    rng = random.Random(seed)
    for name, count in [("qa", sizes["questions"]), ("qa-eval", 200)]:
        rows = [facts(rng, sizes["facts"]) for _ in range(count)]
        write_rows(folder / f"{name}.jsonl", rows)
        write_rows(folder / f"{name}-full.jsonl", [
            {"prompt": row["context"] + row["question"], "response": row["answer"]} for row in rows])
        write_rows(folder / f"{name}-closed.jsonl", [
            {"prompt": row["question"], "response": row["answer"]} for row in rows])
