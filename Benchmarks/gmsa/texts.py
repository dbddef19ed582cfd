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
    """A context of facts and a question about one of them, in the shape of the qa_* files. The question begins its
    answer: whoever can restate has learned to continue what stood before, and nothing else is asked here."""
    people, things = rng.sample(PEOPLE, count), rng.sample(THINGS, count)
    lines = [f"{person} has the {thing}." for person, thing in zip(people, things)]
    asked = rng.randrange(count)
    return {
        "context": " ".join(lines), "question": f" What does {people[asked]} have? {people[asked]} has the",
        "answer": f" {things[asked]}", "answers": [things[asked]]}


def cut_around(text, start, end, limit):
    """Whole words of a text around a part of it, of at most so many characters."""
    room = limit - (end - start)
    low = max(0, min(start - room // 2, len(text) - limit))
    high = min(len(text), low + limit)
    low = low if low == 0 else text.index(" ", low) + 1 if " " in text[low:start] else start
    high = high if high == len(text) else text.rindex(" ", end, high) if " " in text[end:high] else end
    return text[low:high]


def real_questions(path, sizes):
    """Rows of a qa_* file whose short answer stands in the context, which is cut to some words around it."""
    rows = []
    with open(path, encoding="utf-8") as file:
        for row in map(json.loads, file):
            text, answer = " ".join(row["context"].split()), row["answer"].strip()
            start = text.find(answer)
            if start < 0 or not 0 < len(answer) <= sizes["answer"] or len(row["question"]) > sizes["question"]:
                continue
            if row["source"] == "pubmedqa":         # yes, no or maybe: not a part of the text
                continue
            rows.append({
                "context": cut_around(text, start, start + len(answer), sizes["context"]),
                "question": f" {row['question'].strip()}", "answer": f" {answer}", "answers": row["answers"]})
    return rows


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


def write_questions(folder, shared, sizes, seed):
    """Questions for compressed contexts, the same for a decoder that reads the text or nothing, and what the first
    stage reads for them: plain windows and contexts of both kinds of question."""
    rng = random.Random(seed)
    sets = {
        "facts": [facts(rng, sizes["facts"]) for _ in range(sizes["questions"])],
        "facts-eval": [facts(rng, sizes["facts"]) for _ in range(200)],
        "real": real_questions(shared / "qa_train.jsonl", sizes), "real-eval": real_questions(
            shared / "qa_eval.jsonl", sizes)}
    for name, rows in sets.items():
        rng.shuffle(rows)
        write_rows(folder / f"{name}.jsonl", rows)
        write_rows(folder / f"{name}-full.jsonl", [
            {"prompt": row["context"] + row["question"], "response": row["answer"]} for row in rows])
        write_rows(folder / f"{name}-closed.jsonl", [
            {"prompt": row["question"], "response": row["answer"]} for row in rows])
    with open(folder / "windows.jsonl", encoding="utf-8") as file:
        windows = [json.loads(line) for line in file]
    texts = [row["context"] for name in ("facts", "real") for row in sets[name]]
    mixed = windows[:len(windows) // 2] + [{"text": rng.choice(texts)} for _ in range(len(windows) // 2)]
    rng.shuffle(mixed)
    write_rows(folder / "mixed.jsonl", mixed)
