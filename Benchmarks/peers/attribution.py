"""Token importances by the gradient of a logit with respect to the embedding rows, and the weights made of them."""
import torch

from preference_rows import padded


def importances(model, rows):
    """L1 norm of d (largest logit of the row that predicts the last token) / d embedding, per token of each row."""
    ids, mask = padded(rows)
    embedded = model.get_input_embeddings()(ids).detach().requires_grad_(True)
    states = model.model(inputs_embeds=embedded, attention_mask=mask, use_cache=False).last_hidden_state
    predicting = torch.tensor([len(row) - 2 for row in rows])
    logits = model.lm_head(states[torch.arange(len(rows)), predicting])
    (slope,) = torch.autograd.grad(logits.max(-1).values.sum(), embedded)
    return [slope[i, :len(row)].abs().sum(-1) for i, row in enumerate(rows)]


def mixed_weights(importance, lam, sigma_div):
    """lambda * share of the importance + (1 - lambda) * Gaussian prior, mean one; one token has weight one."""
    count = len(importance)
    if count == 1:
        return torch.ones(1)
    place = torch.arange(count, dtype=importance.dtype)
    prior = torch.exp(-((place - (count - 1) / 2) / max(1.0, count / sigma_div)).square() / 2)
    prior = prior / prior.sum()
    total = importance.sum()
    mixed = lam * (importance / total if total > 0 else prior) + (1 - lam) * prior
    return mixed * count / mixed.sum()
