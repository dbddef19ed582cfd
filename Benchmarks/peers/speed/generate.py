#!/usr/bin/env python3
"""Greedy continuation with a cache of keys and values."""
import torch
import timed


def main():
    arguments = timed.parser(__doc__)
    arguments.add_argument("--prompt", type=int, default=256)
    arguments.add_argument("--new", type=int, default=128)
    options = timed.parsed(arguments)
    model = timed.opened(options).eval()
    ids = torch.randint(3, model.config.vocab_size, (options.batch, options.prompt))

    def step():
        with torch.inference_mode(), timed.autocast(options):
            model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=options.new,
                           min_new_tokens=options.new, do_sample=False, use_cache=True, pad_token_id=0)

    timed.measured(options, step)


if __name__ == "__main__":
    main()
