#!/usr/bin/env python3
"""A DPO step by TRL's DPOTrainer with its own settings; the reference live, or its scores known beforehand."""
import copy
import tempfile
import time

import timed

from datasets import Dataset
from transformers import PreTrainedTokenizerFast, TrainerCallback
from trl import DPOConfig, DPOTrainer


class TokenizedTrainer(DPOTrainer):
    """Rows are token ids already."""

    def _prepare_dataset(self, dataset, *_, **__):
        return dataset


class Clock(TrainerCallback):
    def __init__(self):
        self.seconds, self.losses = [], []

    def on_step_begin(self, *_, **__):
        self.started = time.perf_counter()

    def on_step_end(self, *_, **__):
        self.seconds.append(time.perf_counter() - self.started)

    def on_log(self, *_, logs=None, **__):
        if logs and "loss" in logs:
            self.losses.append(logs["loss"])


def main():
    arguments = timed.parser(__doc__)
    arguments.add_argument("--precompute", action="store_true", help="score the reference before training")
    options = timed.parsed(arguments)
    steps = options.warmup + options.repeats
    rows = timed.token_rows(options, "prompt", "chosen", "rejected")
    needed = steps * options.batch
    rows = (rows * (needed // len(rows) + 1))[:needed]
    dataset = Dataset.from_list([dict(zip(("prompt_ids", "chosen_ids", "rejected_ids"), row)) for row in rows])
    model = timed.opened(options)
    reference = None if options.rank or options.precompute else copy.deepcopy(model)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=options.model + "/tokenizer.json", pad_token="<pad>", eos_token="</s>", bos_token="<s>")
    clock = Clock()
    with tempfile.TemporaryDirectory() as scratch:
        settings = DPOConfig(
            output_dir=scratch, use_cpu=True, bf16=options.precision == "bf16", beta=0.1, learning_rate=1e-6,
            lr_scheduler_type="constant", per_device_train_batch_size=options.batch, max_steps=steps, max_length=None,
            precompute_ref_log_probs=options.precompute, gradient_checkpointing=False, optim="adamw_torch_fused",
            logging_steps=1, save_strategy="no", report_to=[], disable_tqdm=True, remove_unused_columns=False,
            dataloader_pin_memory=False, torch_compile=options.compile, seed=1)
        trainer = TokenizedTrainer(
            model=model, ref_model=reference, args=settings, train_dataset=dataset, processing_class=tokenizer,
            peft_config=timed.lora(options.rank) if options.rank else None, callbacks=[clock])
        trainer.train()
    timed.write(clock.seconds[options.warmup:], clock.losses)


if __name__ == "__main__":
    main()
