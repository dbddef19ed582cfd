"""Writes what TRL and transformers make of conversational rows: ids of prompt and responses, and masks of assistant tokens.

Run by scripts/compare-conversations. One file of JSON lines for each template: a first line with the template's path,
then one line for each row.
"""

import argparse
import json
import os

from transformers import AutoTokenizer


def shared(a, b):
    count = 0
    while count < min(len(a), len(b)) and a[count] == b[count]:
        count += 1
    return count


def pair(tokenizer, row):
    """DPOTrainer's tokenize_fn (TRL 1.16): the response begins where the ids of prompt and whole conversations part."""
    def ids(messages, **more):
        return tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True, **more)["input_ids"]

    prompt = ids(row["prompt"], add_generation_prompt=True)
    chosen, rejected = ids(row["prompt"] + row["chosen"]), ids(row["prompt"] + row["rejected"])
    count = min(shared(prompt, chosen), shared(prompt, rejected))
    return {"prompt_ids": prompt[:count], "chosen_ids": chosen[count:], "rejected_ids": rejected[count:]}


def masked(tokenizer, row):
    """SFTTrainer's tokenize_fn with assistant_only_loss."""
    out = tokenizer.apply_chat_template(
        row["prompt"] + row["chosen"], tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
    return {"ids": out["input_ids"], "mask": out["assistant_masks"]}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--tokenizer", required=True)
    arguments.add_argument("--rows", required=True)
    arguments.add_argument("--templates", required=True, help="a JSON object of templates by name")
    arguments.add_argument("--only", nargs="+", required=True, help="names of templates")
    arguments.add_argument("--output", required=True)
    options = arguments.parse_args()

    tokenizer = AutoTokenizer.from_pretrained(options.tokenizer)
    with open(options.templates) as file:
        templates = json.load(file)
    with open(options.rows) as file:
        rows = [json.loads(line) for line in file]
    os.makedirs(options.output, exist_ok=True)
    for name in options.only:
        tokenizer.chat_template = templates[name]
        base = os.path.join(options.output, name.replace("/", "_"))
        with open(base + ".template", "w") as file:
            file.write(templates[name])
        marks = "{% generation" in templates[name] or "{%- generation" in templates[name]
        with open(base + ".jsonl", "w") as file:
            for number, row in enumerate(rows):
                line = {"row": number, "pair": pair(tokenizer, row)}
                if marks:
                    line["sequence"] = masked(tokenizer, row)
                file.write(json.dumps(line) + "\n")
        print(f"{name}: {len(rows)} rows, masks: {marks}")


main()
