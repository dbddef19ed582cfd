#!/usr/bin/env python3
"""A step of supervised training on whole sequences: forward, backward, clipping, AdamW."""
import torch
import timed


def main():
    options = timed.parsed(timed.parser(__doc__))
    model = timed.adapted(timed.opened(options), options).train()
    run = torch.compile(model) if options.compile else model
    update = timed.optimizer(model)
    rows = timed.batches([p + r for p, r in timed.token_rows(options, "prompt", "response")], options.batch)

    def step():
        ids, mask = timed.padded(next(rows))
        labels = ids.masked_fill(mask == 0, -100)
        whole = bool(mask.all())
        with timed.autocast(options):
            loss = run(input_ids=ids, attention_mask=None if whole else mask, labels=labels).loss
        loss.backward()
        timed.clipped_step(model, update)
        return loss.detach()

    timed.measured(options, step)


if __name__ == "__main__":
    main()
