"""Model shapes, and the arithmetic that a piece of work needs at least."""

SHAPES = {
    "smollm2-135m": dict(
        model_type="llama", architectures=["LlamaForCausalLM"], hidden_size=576, intermediate_size=1536,
        num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3, head_dim=64, vocab_size=49152,
        tie_word_embeddings=True, max_position_embeddings=8192, rms_norm_eps=1e-5),
    "qwen2.5-0.5b": dict(
        model_type="qwen2", architectures=["Qwen2ForCausalLM"], hidden_size=896, intermediate_size=4864,
        num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2, vocab_size=151936,
        tie_word_embeddings=True, max_position_embeddings=32768, rms_norm_eps=1e-6, use_sliding_window=False),
    "llama-15m": dict(
        model_type="llama", architectures=["LlamaForCausalLM"], hidden_size=288, intermediate_size=768,
        num_hidden_layers=6, num_attention_heads=6, num_key_value_heads=6, head_dim=48, vocab_size=32000,
        tie_word_embeddings=True, max_position_embeddings=2048, rms_norm_eps=1e-5),
}
SPECIAL = dict(bos_token_id=1, eos_token_id=2, pad_token_id=0)
FURTHER = dict(hidden_act="silu", initializer_range=0.02, rope_theta=10000.0, torch_dtype="float32", **SPECIAL)


def configuration(shape):
    return {**SHAPES[shape], **FURTHER}


class Arithmetic:
    """Model FLOPs: 2 for each weight and token of a product, attention by the keys that are seen. What a program
    computes twice, pads or throws away does not count."""

    def __init__(self, shape, layers=None):
        c = SHAPES[shape]
        hidden, self.layers = c["hidden_size"], layers or c["num_hidden_layers"]
        head = c.get("head_dim") or hidden // c["num_attention_heads"]
        self.queries = c["num_attention_heads"] * head
        keys = c["num_key_value_heads"] * head
        self.linears = [
            (hidden, self.queries), (hidden, keys), (hidden, keys), (self.queries, hidden),
            (hidden, c["intermediate_size"]), (hidden, c["intermediate_size"]), (c["intermediate_size"], hidden)]
        self.body = self.layers * sum(a * b for a, b in self.linears)
        self.head = hidden * c["vocab_size"]

    def adapters(self, rank):
        return self.layers * sum(rank * (a + b) for a, b in self.linears)

    def forward(self, tokens, targets, seen):
        """seen: sum over tokens of the keys that each attends to."""
        return 2 * self.body * tokens + 2 * self.head * targets + 4 * self.layers * self.queries * seen

    def step(self, tokens, targets, seen, rank=0):
        """Forward and backward; with adapters the frozen weights have no gradient."""
        once = self.forward(tokens, targets, seen)
        if not rank:
            return 3 * once
        attention = 4 * self.layers * self.queries * seen
        return 2 * once + attention + 6 * self.adapters(rank) * tokens


def causal(length, before=0):
    """Keys seen by `length` tokens behind `before` others."""
    return length * before + length * (length + 1) // 2
