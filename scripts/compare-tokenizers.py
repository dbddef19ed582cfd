"""Writes comparison files: what the Hugging Face `tokenizers` library makes of random and adversarial lines."""

import argparse
import json
import os
import random
import shutil

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

SCRIPTS = [
    (0x20, 0x7E), (0x20, 0x7E), (0x20, 0x7E), (0xA0, 0x17F), (0x180, 0x24F), (0x300, 0x36F), (0x370, 0x3FF),
    (0x400, 0x4FF), (0x530, 0x58F), (0x590, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0x980, 0x9FF), (0xB80, 0xBFF),
    (0xE00, 0xE7F), (0x1000, 0x109F), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x137F), (0x1780, 0x17FF),
    (0x1E00, 0x1EFF), (0x1F00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x209F), (0x20A0, 0x20CF), (0x2100, 0x214F),
    (0x2150, 0x218F), (0x2190, 0x22FF), (0x2460, 0x24FF), (0x2500, 0x27BF), (0x3000, 0x30FF), (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFB00, 0xFB4F), (0xFE00, 0xFE6F), (0xFF00, 0xFFEF), (0x10000, 0x100FF),
    (0x1D400, 0x1D7FF), (0x1F100, 0x1F1FF), (0x1F300, 0x1FAFF), (0x20000, 0x2A6DF), (0xE0000, 0xE007F),
    (0x1, 0x1F), (0x7F, 0x9F),
]
SPACES = [" ", "  ", "   ", "\t", "\n", "\r\n", "\r", "\n\n", " \n ", "\u00a0", "\u2009", "\u3000", "\u2028", "\x0b",
          "\x0c", "\x85", "\x1c", "\u200b", "\ufeff", " " * 17, "\n" * 9]
WORDS = """the of and to in is that it was for on are as with his they at be this from have or by one had not but what
all were when we there can an your which their said if do will each about how up out them then she many some so these
would other into has more her two like him see time could no make than first been its who now people my made over did
down only way find use may water long little very after words called just where most know function return class import
def self None True False 0x1F lambda Straße naïve coöperate Ångström ﬁne ﬂow İstanbul ΣΊΣΥΦΟΣ русский москва 東京 日本語
中文 한국어 עברית العربية हिन्दी ไทย ελληνικά""".split()
ADVERSARIAL = [
    "'s", "'S", "'t", "'re", "'VE", "'ll", "'D", "'\u017f", "\u2019s", "''s", "don't", "I'LL", "x'st", "<|endoftext|>", "<s>",
    "</s>", "<unk>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<mask>", "  <mask>  ", "x<word>y", " <word> ",
    "<word>", "<<s>>", "<|end", "<0x0A>", "<0xE4><0xBD>", "\u2581", "\u2581\u2581a", "\u0120a", "e\u0301", "\u00e9", "q\u0323\u0307", "q\u0307\u0323",
    "\u1112\u1161\u11ab", "\uac00\u11a8", "\U0001F468\u200d\U0001F469\u200d\U0001F467", "\U0001F1E9\U0001F1EA", "\U0001F44D\U0001F3FD", "\u212b", "\u2126",
    "\u0344", "\u0958", "\u1e9b\u0323", "12345678901234567890", "1,234.56", "٣٤٥", "²³¹¼½", "Ⅷ", "\u3250", "a\u0300\u0301\u0302\u0303\u0345\u0334",
    "http://example.org/?q=1&x=%20", "foo_bar", "CamelCaseWord", "ALLCAPS", "{\"a\": [1, 2]}", "// --- ***", "\ufffd", "\u0000",
    "\U0010ffff", "\ue000", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ab" * 30, "\u00ad", "\u0e33", "\ud7b0",
]


def line(rng):
    parts = []
    for _ in range(rng.choice([0, 1, 1, 2, 3, 5, 8, 13, 21])):
        kind = rng.random()
        if kind < 0.35:
            parts.append(rng.choice(WORDS))
        elif kind < 0.6:
            low, high = rng.choice(SCRIPTS)
            parts.append("".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 8))))
        elif kind < 0.75:
            parts.append(rng.choice(ADVERSARIAL))
        elif kind < 0.8:
            value = rng.randint(0, 0x10FFFF)
            parts.append(chr(value) if not 0xD800 <= value < 0xE000 else "\ufffd")
        elif kind < 0.86:
            parts.append(str(rng.randint(0, 10 ** rng.randint(1, 12))))
        else:
            parts.append(rng.choice(SPACES) * rng.randint(1, 3))
        if rng.random() < 0.5:
            parts.append(rng.choice(SPACES) if rng.random() < 0.2 else " ")
    text = "".join(parts)
    if rng.random() < 0.002:
        text *= rng.randint(20, 200)
    return text


LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
CL100K = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
          r"|\s+(?!\S)|\s")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK3 = (r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"""
             r"|\s*[\r\n]+|\s+(?!\S)|\s+")


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def byte_level(splits=False, prefix=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=splits)


def sequence(*steps):
    return pre_tokenizers.Sequence(list(steps))


BYTE_LEVEL = {
    "llama3": sequence(split(LLAMA3), byte_level()),
    "cl100k": sequence(split(CL100K), byte_level()),
    "o200k": sequence(split(O200K), byte_level()),
    "smollm2": sequence(pre_tokenizers.Digits(True), byte_level(True)),
    "starcoder": sequence(pre_tokenizers.Digits(True), byte_level(True)),
    "falcon": sequence(pre_tokenizers.Punctuation("contiguous"), byte_level(True), pre_tokenizers.Digits(False),
                       split(r"[0-9][0-9][0-9]")),
    "deepseek-coder": sequence(split(r"[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split("[一-龥ࠀ-一가-퟿]+"),
                               pre_tokenizers.Digits(True), byte_level()),
    "deepseek-v2": sequence(split(r"[\r\n]"), split(r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-Ֆ]+"),
                            split(r"\s?[!-/:-~！-／：-～‘-‟　-。]+"), split(r"\s+$"), split("[一-龥ࠀ-一가-퟿]+"),
                            pre_tokenizers.Digits(True), byte_level()),
    "deepseek-v3": sequence(split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"), split(DEEPSEEK3), byte_level()),
    "prefix-space": byte_level(True, True),
    "merged-previous": sequence(split(r"\p{P}|\s+", "merged_with_previous"), byte_level()),
    "merged-next": sequence(split(r"\p{P}|\s", "merged_with_next"), byte_level()),
    "removed-inverted": sequence(split(r"\w+|[^\w\s]+", "removed", True), byte_level()),
    "contiguous": sequence(split(r"\p{L}|\p{P}", "contiguous"), pre_tokenizers.WhitespaceSplit(), byte_level(False, True)),
}


def train_byte_level(name, pre_tokenizer, texts):
    tokenizer = Tokenizer(models.BPE(ignore_merges=name == "llama3"))
    tokenizer.pre_tokenizer = pre_tokenizer
    if name in ("llama3", "merged-next"):
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=3000, special_tokens=["<|endoftext|>", "<|begin_of_text|>"],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    if name == "llama3":
        tokenizer.post_processor = processors.Sequence([
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing("<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", 1)])])
    else:
        tokenizer.post_processor = processors.ByteLevel()
    tokenizer.add_tokens([AddedToken("<mask>", lstrip=True, rstrip=True, normalized=False),
                          AddedToken("<word>", single_word=True, normalized=True), AddedToken("東京", normalized=True)])
    return tokenizer


def train_sentence_piece(name, texts):
    fallback = name != "sp-unknown"
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=name != "sp-metaspace", byte_fallback=fallback))
    specials = ["<unk>", "<s>", "</s>"]
    if fallback:
        specials += [f"<0x{byte:02X}>" for byte in range(256)]
    metaspace = None
    if name == "sp-metaspace":
        metaspace = pre_tokenizers.Metaspace(prepend_scheme="first")
        tokenizer.normalizer = normalizers.NFKC()
    elif name == "sp-always":
        metaspace = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(),
                                                     normalizers.Lowercase(), normalizers.Strip(),
                                                     normalizers.Replace(Regex(" {2,}"), " ")])
    else:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    training = metaspace or pre_tokenizers.Metaspace()
    tokenizer.pre_tokenizer = training
    tokenizer.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=2500, special_tokens=specials, limit_alphabet=300, show_progress=False))
    data = json.loads(tokenizer.to_str())
    # Byte tokens are ordinary tokens in such files; only the control tokens are added ones.
    data["added_tokens"] = [token for token in data["added_tokens"] if not token["content"].startswith("<0x")]
    if metaspace is None:
        data["pre_tokenizer"] = None
    tokenizer = Tokenizer.from_str(json.dumps(data))
    if metaspace is not None:
        tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(
            prepend_scheme="first" if name == "sp-metaspace" else "always")])
    else:
        tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                                               decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    return tokenizer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--shared", required=True)
    parser.add_argument("--trained", required=True)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.output, ignore_errors=True)
    os.makedirs(arguments.output)

    rng = random.Random(arguments.seed)
    lines = [line(rng) for _ in range(arguments.lines)]
    training = [line(random.Random(-index - 1)) for index in range(20000)]
    folders = {"trained-by-hone": os.path.abspath(arguments.trained)}
    for name in ["tokenizers/gpt2", "tokenizers/qwen2.5", "models/stories260K", "models/tinystories-656k"]:
        path = os.path.abspath(os.path.join(arguments.shared, name))
        if os.path.exists(path):
            folders[os.path.basename(name)] = path
    built = {name: train_byte_level(name, steps, training) for name, steps in BYTE_LEVEL.items()}
    for name in ["sp-prepend", "sp-unknown", "sp-metaspace", "sp-always"]:
        built[name] = train_sentence_piece(name, training)
    for name, tokenizer in built.items():
        folders[name] = os.path.abspath(os.path.join(arguments.output, name))
        os.makedirs(folders[name])
        tokenizer.save(os.path.join(folders[name], "tokenizer.json"))

    for name, folder in folders.items():
        if arguments.only not in ("", name):
            continue
        tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        with open(os.path.join(arguments.output, name + ".jsonl"), "w", encoding="utf-8") as file:
            for text, encoding in zip(lines, tokenizer.encode_batch_fast(lines)):
                row = {"tokenizer": folder, "text": text, "ids": encoding.ids,
                       "decoded": tokenizer.decode(encoding.ids, skip_special_tokens=False)}
                file.write(json.dumps(row) + "\n")
        print(f"{name}: {len(lines)} lines", flush=True)


if __name__ == "__main__":
    main()
