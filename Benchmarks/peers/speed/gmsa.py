#!/usr/bin/env python3
"""A step of GMSA's first stage: encoder layers with adapters, means of groups, one alignment layer, frozen decoder.
With --finetune one of its second stage: the compressor is frozen, and the decoder's q, k and v learn to answer questions."""
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
    arguments.add_argument("--finetune", action="store_true")
    options = timed.parsed(arguments)
    model = timed.opened(options).requires_grad_(False).eval()
    timed.measured(options, finetuning(options, model) if options.finetune else autoencoding(options, model))


def autoencoding(options, model):
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

    return step


def finetuning(options, model):
    encoder, alignment = first_layers(model, options.layers), first_layers(model, 1)
    trained = torch.nn.ModuleList(
        layer.self_attn.get_submodule(name) for layer in model.model.layers for name in ("q_proj", "k_proj", "v_proj"))
    trained.requires_grad_(True)
    update = timed.optimizer(trained)
    rows = timed.batches(timed.token_rows(options, "prompt", "rejected", "chosen"), options.batch)
    embed = model.get_input_embeddings()

    def step():
        contexts, questions, answers = (torch.tensor(part) for part in zip(*next(rows)))
        questions = questions[:, :-1]   # rejected rows end with the end token, questions do not
        batch, length = contexts.shape
        with timed.autocast(options):
            with torch.no_grad():
                hidden = encoder(inputs_embeds=embed(contexts), use_cache=False).last_hidden_state
                merged = hidden.view(batch, length // options.group, options.group, -1).mean(2)
                soft = alignment(inputs_embeds=merged, use_cache=False).last_hidden_state
                asked = embed(torch.cat([questions, answers], 1))
            inputs = torch.cat([soft.to(asked.dtype), asked], 1)
            count = answers.shape[1]
            output = model.model(inputs_embeds=inputs, use_cache=False).last_hidden_state[:, -count - 1:-1]
            loss = F.cross_entropy(model.lm_head(output).float().flatten(0, 1), answers.flatten())
        loss.backward()
        timed.clipped_step(trained, update)
        return loss.detach()

    return step


if __name__ == "__main__":
    main()
