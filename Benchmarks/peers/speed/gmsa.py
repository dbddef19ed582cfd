#!/usr/bin/env python3
"""A step of GMSA's first stage: encoder layers with adapters, means of groups, one alignment layer, frozen decoder."""
import copy

import torch
import torch.nn.functional as F
import timed


def first_layers(model, count):
    """A stack of copies of the first layers, without embedding and final norm."""
    configuration = copy.deepcopy(model.config)
    configuration.num_hidden_layers = count
    stack = type(model.model)(configuration)
    for own, source in zip(stack.layers, model.model.layers):
        own.load_state_dict(source.state_dict())
    stack.norm.load_state_dict(model.model.norm.state_dict())
    stack.norm.requires_grad_(False)
    stack.embed_tokens = None
    return stack


def main():
    arguments = timed.parser(__doc__)
    arguments.add_argument("--layers", type=int, default=8)
    arguments.add_argument("--group", type=int, default=4)
    arguments.add_argument("--instruction", default="")
    options = timed.parsed(arguments)
    model = timed.opened(options).requires_grad_(False).eval()
    from peft import LoraConfig, get_peft_model
    encoder = get_peft_model(
        first_layers(model, options.layers),
        LoraConfig(r=options.rank, lora_alpha=2 * options.rank, target_modules=timed.LINEARS))
    alignment = first_layers(model, 1)
    trained = torch.nn.ModuleList([encoder, alignment])
    update = timed.optimizer(trained)
    contexts = timed.batches([ids for ids, in timed.token_rows(options, "text")], options.batch)
    tokenizer = timed.Tokenizer.from_file(options.model + "/tokenizer.json")
    question = torch.tensor([tokenizer.encode(options.instruction).ids])
    embed, end = model.get_input_embeddings(), tokenizer.token_to_id("</s>")

    def step():
        ids = torch.tensor(next(contexts))
        batch, length = ids.shape
        with timed.autocast(options):
            hidden = encoder(inputs_embeds=embed(ids), use_cache=False).last_hidden_state
            merged = hidden.view(batch, length // options.group, options.group, -1).mean(2)
            soft = alignment(inputs_embeds=merged, use_cache=False).last_hidden_state
            asked = embed(question.expand(batch, -1))
            inputs = torch.cat([soft.to(asked.dtype), asked, embed(ids)], 1)
            output = model.model(inputs_embeds=inputs, use_cache=False).last_hidden_state[:, -length - 1:]
            targets = torch.cat([ids, torch.full((batch, 1), end)], 1)
            loss = F.cross_entropy(model.lm_head(output).float().flatten(0, 1), targets.flatten())
        loss.backward()
        timed.clipped_step(trained, update)
        return loss.detach()

    timed.measured(options, step)


if __name__ == "__main__":
    main()
