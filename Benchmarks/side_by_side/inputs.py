"""Model folders, rows and job specifications: the same files for every contender."""
import json
import random
import subprocess

from shapes import SHAPES, configuration

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Tokens of prompt, chosen and rejected: 32 rows drawn from a mixed set of real preference data.
RAGGED = [
    (158, 85, 73), (47, 66, 43), (400, 36, 79), (15, 12, 11), (24, 17, 8), (20, 21, 10), (114, 250, 150), (21, 19, 18),
    (45, 119, 86), (30, 7, 6), (248, 7, 5), (10, 6, 7), (34, 5, 6), (16, 12, 6), (165, 85, 30), (27, 10, 7),
    (46, 54, 71), (19, 20, 22), (120, 61, 22), (115, 19, 25), (52, 82, 86), (20, 10, 9), (294, 39, 176), (18, 3, 3),
    (53, 22, 37), (24, 19, 19), (20, 12, 24), (17, 13, 12), (20, 14, 14), (48, 4, 2), (84, 84, 85), (36, 78, 42)]


def byte_characters():
    """The printable stand-ins of byte-level tokenizers, in byte order."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte if byte in plain else next(others)) for byte in range(256)]


def tokenizer(vocabulary):
    """One token for each byte, spread over the whole vocabulary, so that a text of n letters has n tokens."""
    spacing = (vocabulary - 3) // 256
    ids = {character: 3 + byte * spacing for byte, character in enumerate(byte_characters())}
    special = ["<pad>", "<s>", "</s>"]
    taken = set(ids.values()) | {0, 1, 2}
    filling = {f"filling {i}": i for i in range(vocabulary) if i not in taken}
    added = [
        dict(id=i, content=text, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
        for i, text in enumerate(special)]
    level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=False, use_regex=False)
    model = dict(
        type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None,
        fuse_unk=False, byte_fallback=False, ignore_merges=False,
        vocab={**{text: i for i, text in enumerate(special)}, **ids, **filling}, merges=[])
    return dict(
        version="1.0", truncation=None, padding=None, added_tokens=added, normalizer=None, pre_tokenizer=level,
        post_processor=None, decoder=level, model=model)


def model_folder(bench, home, shape, precision):
    """A folder with random weights, made once: with bf16 the file holds bfloat16, as published models do."""
    name = shape if precision == "fp32" else f"{shape}-{precision}"
    folder = home / "models" / name
    if not (folder / "tokenizer.json").exists():
        pattern = home / "shapes" / shape
        pattern.mkdir(parents=True, exist_ok=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        (pattern / "config.json").write_text(json.dumps(configuration(shape)))
        if not folder.exists():
            subprocess.run(
                [bench, "model", "--shape", pattern, "--parent", folder.parent, "--name", name,
                 "--precision", precision], check=True)
        # Last of all: what is complete has it.
        (folder / "tokenizer_config.json").write_text(json.dumps(
            dict(bos_token="<s>", eos_token="</s>", pad_token="<pad>", add_bos_token=False)))
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer(SHAPES[shape]["vocab_size"])))
    return folder


def rows(home, name, lengths):
    """Pairs of random letters. A response's last token is the end token that trainers add."""
    file = home / "rows" / f"{name}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    chance = random.Random(name)

    def text(count):
        return "".join(chance.choices(LETTERS, k=count))

    with open(file, "w") as output:
        for prompt, chosen, rejected in lengths:
            row = dict(prompt=text(prompt), chosen=text(chosen - 1), rejected=text(rejected - 1))
            output.write(json.dumps({**row, "response": row["chosen"], "text": row["prompt"]}) + "\n")
    return file
