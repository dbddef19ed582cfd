#!/usr/bin/env python3
"""Full fine-tuning with TRL's DPOTrainer on preference rows, measured on an evaluation set."""
import tempfile
import time

from arguments import record, training_parser  # sets the environment of transformers first

import torch
import transformers
import trl
from datasets import Dataset
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer

from preference_rows import PairTokenizer, both_sides, measured, warmup_steps


class TokenizedTrainer(DPOTrainer):
    """Rows are token ids already."""

    def _prepare_dataset(self, dataset, *_, **__):
        return dataset


def main():
    arguments = training_parser(__doc__).parse_args()
    torch.set_num_threads(arguments.threads)
    tokenizer = PairTokenizer(arguments.model, arguments.tokenize)
    train, held_out = (tokenizer.pairs(path, arguments.max_length) for path in (arguments.train, arguments.eval))
    model, reference = (AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32) for _ in "mr")
    before = both_sides(reference, held_out)
    steps = arguments.epochs * (len(train) // arguments.batch)
    with tempfile.TemporaryDirectory() as scratch:
        config = DPOConfig(
            output_dir=scratch, use_cpu=True, bf16=False, beta=arguments.beta, loss_type=["sigmoid"],
            learning_rate=arguments.learning_rate, lr_scheduler_type="linear",
            warmup_steps=warmup_steps(arguments.warmup, steps), weight_decay=0.0, max_grad_norm=arguments.clip,
            optim="adamw_torch", per_device_train_batch_size=arguments.batch, max_steps=steps,
            max_length=arguments.max_length, gradient_checkpointing=False, disable_dropout=True,
            dataloader_drop_last=True, dataloader_pin_memory=False, remove_unused_columns=False,
            logging_strategy="no", save_strategy="no", report_to=[], disable_tqdm=True, seed=arguments.seed)
        fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer.tokenizer, pad_token="<unk>",
                                       eos_token=tokenizer.tokenizer.id_to_token(tokenizer.eos))
        columns = ("prompt_ids", "chosen_ids", "rejected_ids")
        dataset = Dataset.from_list([{name: pair[name] for name in columns} for pair in train])
        trainer = TokenizedTrainer(model=model, ref_model=reference, args=config, train_dataset=dataset,
                                   processing_class=fast)
        started = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - started
    model.eval()
    if arguments.save:
        model.save_pretrained(arguments.save)
    record(arguments, "trl-dpo", steps=steps, seconds=round(seconds, 1),
           pairs_per_second=round(steps * arguments.batch / seconds, 2),
           before=measured(before, before, held_out, arguments.beta),
           after=measured(both_sides(model, held_out), before, held_out, arguments.beta),
           versions={m.__name__: m.__version__ for m in (trl, transformers, torch)})


if __name__ == "__main__":
    main()
