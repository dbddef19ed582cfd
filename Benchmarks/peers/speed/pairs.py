"""Preference pairs as a plain PyTorch program batches them: every response behind its own copy of the prompt."""
import torch

import timed


class Batch:
    """Sequences padded on the right, and the rows of hidden states that predict response tokens."""

    def __init__(self, prompts, responses):
        self.ids, mask = timed.padded([p + r for p, r in zip(prompts, responses)])
        self.mask = None if bool(mask.all()) else mask
        self.lengths = [len(r) for r in responses]
        self.sequences = torch.cat([torch.full((n,), i) for i, n in enumerate(self.lengths)])
        starts = [len(p) for p in prompts]
        self.tokens = torch.cat([torch.arange(s, s + n) for s, n in zip(starts, self.lengths)])
        self.targets = self.ids[self.sequences, self.tokens]
        self.ends = torch.tensor([s + n - 1 for s, n in zip(starts, self.lengths)])

    @classmethod
    def of(cls, pairs):
        """All chosen responses of some pairs, then all rejected ones."""
        prompts = [p for p, _, _ in pairs]
        return cls(prompts + prompts, [c for _, c, _ in pairs] + [r for _, _, r in pairs])

    def hidden(self, model, embeddings=None):
        inputs = dict(input_ids=self.ids) if embeddings is None else dict(inputs_embeds=embeddings)
        return model.model(**inputs, attention_mask=self.mask, use_cache=False).last_hidden_state

    def log_probabilities(self, model, hidden):
        """One for each response token, end to end; only the rows that predict them go through the head."""
        logits = model.lm_head(hidden[self.sequences, self.tokens - 1]).float()
        return logits.gather(1, self.targets.unsqueeze(1)).squeeze(1) - logits.logsumexp(1)

    def sums(self, values):
        """Of token values, for every sequence."""
        return torch.zeros(len(self.lengths)).index_add(0, self.sequences, values)
