/// The part of a compressor's README.md that tells how to use it from Python with stock transformers.
enum CompressorCard {
    static let text = """

        ## Loading it in Python

        `encoder/`, `lsa/` and, after fine-tuning, `decoder/` are ordinary Hugging Face folders. Without `decoder/` the
        decoder is the base model. Soft tokens of a text are made once and asked many times. A text is cut end to end
        into the segments of training, where `segment` in gmsa.json has some. The loader below is for compressors that
        merge by mean and align with layers; `merge.kind` and `lsa.kind` in gmsa.json tell. Memory tokens and a learned
        prompt are in `adapters/inputs.safetensors`, a linear alignment in `adapters/lsa.safetensors`.

        ```python
        import json, torch
        from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

        class Compressor:
            def __init__(self, folder, decoder):
                self.record = json.load(open(f"{folder}/gmsa.json"))
                self.tokenizer = AutoTokenizer.from_pretrained(folder)
                self.encoder = AutoModel.from_pretrained(f"{folder}/encoder").eval()
                self.alignment = AutoModel.from_pretrained(f"{folder}/lsa").eval()
                self.decoder = AutoModelForCausalLM.from_pretrained(decoder).eval()

            def ids(self, text):
                return self.tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids

            @torch.no_grad()
            def compress(self, text, rate=None):
                ids, segment = self.ids(text), self.record.get("segment") or {}
                rate = rate or self.record["rates"]["default"]
                pieces = ids.split(segment.get("tokens", ids.shape[1]), 1)
                return torch.cat([self.piece(piece, rate) for piece in pieces])

            def piece(self, ids, rate):
                states = self.encoder(input_ids=ids).last_hidden_state[0]
                remainder = self.record["merge"]["remainder"]
                if remainder == "drop":
                    states = states[: len(states) // rate * rate]
                if len(states) == 0:
                    return states
                divisor = lambda group: rate if remainder == "pad" else len(group)
                merged = torch.stack([group.sum(0) / divisor(group) for group in states.split(rate)])
                return self.alignment(inputs_embeds=merged[None]).last_hidden_state[0]

            @torch.no_grad()
            def ask(self, soft_tokens, prompt, count=100):
                prompt = self.record["prompt"]["qa_template"].replace("{prompt}", prompt)
                rows = torch.cat([soft_tokens[None], self.decoder.get_input_embeddings()(self.ids(prompt))], 1)
                mask = torch.ones(rows.shape[:2], dtype=torch.long)
                out = self.decoder.generate(
                    inputs_embeds=rows, attention_mask=mask, max_new_tokens=count, do_sample=False)
                return self.tokenizer.decode(out[0], skip_special_tokens=True)
        ```

        """
}
