#!/usr/bin/env python3
"""Log-probabilities of both responses of pairs, no gradient."""
import torch
import timed
from pairs import Batch


def main():
    options = timed.parsed(timed.parser(__doc__))
    model = timed.opened(options).eval()
    rows = timed.batches(timed.token_rows(options, "prompt", "chosen", "rejected"), options.batch)

    def step():
        batch = Batch.of(next(rows))
        with torch.inference_mode(), timed.autocast(options):
            batch.log_probabilities(model, batch.hidden(model))

    timed.measured(options, step)


if __name__ == "__main__":
    main()
