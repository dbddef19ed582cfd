"""What is measured: a case is one piece of work, a contender one program that does it."""
import json
from dataclasses import dataclass, field

import inputs
from shapes import Arithmetic, causal

PROMPT, RESPONSE, PAIRS, RANK, LAMBDA = 256, 128, 4, 16, 0.7
CONTEXT, GROUP, ENCODER_LAYERS = 512, 4, 8
QUESTION, ANSWER = 32, 64
LENGTHS, LONG = (512, 1024, 2048, 4096), 4096   # tokens of a row, tokens of a step
LINEARS = "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj"


@dataclass
class Case:
    name: str
    unit: str                     # what `amount` counts
    amount: float                 # done by one repetition
    flops: float                  # needed by one repetition, see Arithmetic
    hone: list                    # arguments of hone-bench
    peers: dict = field(default_factory=dict)   # contender: (tuned?, script, arguments)
    own: dict = field(default_factory=dict)     # further contender: (copies of hone that run at once, threads of each)


class Cases:
    """All cases of one shape. Files are made when a case is asked for."""

    def __init__(self, home, folder, shape, precision):
        self.home, self.folder, self.shape, self.precision = home, folder, shape, precision
        self.work = Arithmetic(shape)

    def all(self):
        made = []
        for rank in (0, RANK):
            made += [self.sft(rank), self.dpo(rank), self.ti_dpo(rank, False), self.ti_dpo(rank, True)]
        made += [self.sft(0, True), self.dpo(RANK, True)]
        made += [self.ti_dpo(RANK, anchors, True) for anchors in (False, True)]
        made += [self.autoencoder(), self.finetune(), self.generate(1), self.generate(8), self.score()]
        made += [*self.scaling(), *map(self.length, LENGTHS), *map(self.rows_in_file, (16, 20000))]
        return made

    # Training

    def sft(self, rank, ragged=False):
        lengths = [(p, c, 1) for p, c, _ in inputs.RAGGED] if ragged else [(256, 256, 1)] * 16
        batch = 16 if ragged else 4
        spec = self.spec("sft", "sft", lengths, rank, batch, objective={"loss_on": "all"}, ragged=ragged)
        mean = batch / len(lengths)
        tokens = mean * sum(p + c for p, c, _ in lengths)
        flops = mean * sum(self.work.step(p + c, p + c - 1, causal(p + c), rank) for p, c, _ in lengths)
        peer = ["--rows", self.rows("sft", lengths, ragged), "--batch", batch, "--rank", rank]
        return self.case("sft", rank, ragged, "tokens", tokens, flops, spec, {
            "torch": (False, "sft.py", peer), "torch tuned": (True, "sft.py", peer),
            "torch tuned, compiled": (True, "sft.py", [*peer, "--compile"])})

    def dpo(self, rank, ragged=False):
        lengths, pairs = self.pairs(ragged)
        spec = self.spec("dpo", "dpo", lengths, rank, pairs, objective={"beta": 0.1}, ragged=ragged)
        flops = pairs / len(lengths) * sum(self.tree(rank, *row) for row in lengths)
        peer = ["--rows", self.rows("pairs", lengths, ragged), "--batch", pairs, "--rank", rank]
        return self.case("dpo", rank, ragged, "pairs", pairs, flops, spec, {
            "TRL": (False, "dpo_trl.py", peer), "TRL tuned, reference known": (True, "dpo_trl.py", [*peer, "--precompute"])})

    def ti_dpo(self, rank, anchors, ragged=False):
        lengths, pairs = self.pairs(ragged)
        objective = dict(preset="paper_eq" if anchors else "no_triplet", beta=0.1)
        if anchors:
            objective.update(anchor_max_new=RESPONSE)
        name = "ti-dpo, anchors" if anchors else "ti-dpo"
        spec = self.spec(name.replace(", ", "-"), "ti-dpo", lengths, rank, pairs, objective=objective, ragged=ragged)
        flops = pairs / len(lengths) * sum(self.tree(rank, *row, anchors=anchors, attribution=True) for row in lengths)
        peer = ["--rows", self.rows("pairs", lengths, ragged), "--batch", pairs, "--rank", rank,
                "--anchor", RESPONSE if anchors else 0]
        return self.case(name, rank, ragged, "pairs", pairs, flops, spec, {
            "torch": (False, "tidpo.py", peer), "torch tuned, reference known": (True, "tidpo.py", [*peer, "--precompute"])})

    def tree(self, rank, prompt, chosen, rejected, anchors=False, attribution=False):
        """One pair with a shared prompt; only response rows go through the head; the reference is known."""
        branches = [chosen, rejected] + [RESPONSE] * anchors
        tokens, targets = prompt + sum(branches), sum(branches)
        seen = causal(prompt) + sum(causal(length, prompt) for length in branches)
        flops = self.work.step(tokens, targets, seen, rank)
        if attribution:
            flops += self.work.forward(tokens, 0, seen) + 4 * self.work.layers * self.work.queries * seen
        if anchors:
            alone = causal(prompt) + causal(RESPONSE, prompt)
            flops += self.work.forward(prompt + RESPONSE, RESPONSE, alone)    # sampling
            flops += self.work.forward(prompt + RESPONSE, RESPONSE, alone)    # their reference
        return flops

    def autoencoder(self):
        lengths = [(CONTEXT, 2, 2)] * 16
        objective = dict(
            encoder=dict(layers=ENCODER_LAYERS, lora_rank=RANK, lora_alpha=2 * RANK, lora_dropout=0.0),
            rates=dict(train=[GROUP]), ae=dict(text="Restate the aforementioned Text."), segment=dict(tokens=CONTEXT))
        spec = self.spec(
            "gmsa", "gmsa-autoencoder", lengths, None, PAIRS, objective=objective, columns=dict(text="text"))
        instruction = len(objective["ae"]["text"])
        soft = CONTEXT // GROUP
        encoder, alignment = Arithmetic(self.shape, ENCODER_LAYERS), Arithmetic(self.shape, 1)
        rows = soft + instruction + CONTEXT
        flops = PAIRS * (
            encoder.step(CONTEXT, 0, causal(CONTEXT), RANK) + alignment.step(soft, 0, causal(soft))
            + 2 * self.work.forward(rows, CONTEXT + 1, causal(rows)))
        peer = ["--rows", self.rows("gmsa", lengths, False), "--batch", PAIRS, "--layers", ENCODER_LAYERS,
                "--group", GROUP, "--rank", RANK, "--instruction", objective["ae"]["text"]]
        return self.case("gmsa-autoencoder", None, False, "tokens", PAIRS * CONTEXT, flops, spec, {
            "torch": (False, "gmsa.py", peer), "torch tuned": (True, "gmsa.py", peer)})

    def finetune(self):
        """Query, key and value projections of the decoder learn behind soft tokens of a frozen compressor. The contexts
        of a step are compressed in it: every row is new to its cache (16 rows, 4 a step: at most four steps)."""
        lengths = [(CONTEXT, ANSWER, QUESTION + 1)] * 16
        objective = dict(
            encoder=dict(layers=ENCODER_LAYERS), stage2=dict(train="qkv", encoder_mode="eval"),
            rates=dict(train=[GROUP]), segment=dict(tokens=CONTEXT), prompt=dict(add_bos=False, qa_template="{prompt}"))
        spec = self.spec(
            "gmsa-questions", "gmsa-finetune", lengths, None, PAIRS, objective=objective,
            columns=dict(text="prompt", prompt="rejected", response="chosen"))
        soft = CONTEXT // GROUP
        rows, seen = soft + QUESTION + ANSWER, causal(soft + QUESTION + ANSWER)
        encoder, alignment = Arithmetic(self.shape, ENCODER_LAYERS), Arithmetic(self.shape, 1)
        trained = sum(a * b for a, b in self.work.linears[:3]) * self.work.layers
        flops = PAIRS * (
            encoder.forward(CONTEXT, 0, causal(CONTEXT)) + alignment.forward(soft, 0, causal(soft))
            + 2 * self.work.forward(rows, ANSWER, seen) + 4 * self.work.layers * self.work.queries * seen
            + 2 * trained * rows)
        peer = ["--rows", self.rows("gmsa-questions", lengths, False), "--batch", PAIRS, "--layers", ENCODER_LAYERS,
                "--group", GROUP, "--finetune"]
        return self.case("gmsa-finetune", None, False, "tokens", PAIRS * CONTEXT, flops, spec, {
            "torch": (False, "gmsa.py", peer), "torch tuned": (True, "gmsa.py", peer)})

    # How the cost grows: hone beside itself

    def scaling(self):
        """All threads beside one thread, and beside as many workers of one thread on the same base."""
        for case in (self.sft(0), self.dpo(RANK)):
            case.name, case.peers = f"scaling: {case.name}", {}
            case.own = {"hone, one thread": (1, 1), "hone, two workers of one thread": (2, 1)}
            yield case

    def length(self, tokens):
        """Steps of as many tokens in rows of another length: only attention's own share may grow."""
        lengths = [(tokens // 2, tokens - tokens // 2, 1)] * 16
        return self.plain(f"length {tokens}", lengths, LONG // tokens)

    def rows_in_file(self, count):
        return self.plain(f"{count} rows", [(256, 256, 1)] * count, 4)

    def plain(self, kind, lengths, batch):
        name = "sft-" + kind.replace(" ", "-")
        spec = self.spec(name, "sft", lengths, RANK, batch, objective={"loss_on": "all"})
        tokens = sum(lengths[0][:2])
        flops = batch * self.work.step(tokens, tokens - 1, causal(tokens), RANK)
        case = self.case("sft", RANK, False, "tokens", batch * tokens, flops, spec, {})
        case.name += ", " + kind
        return case

    # Inference

    def generate(self, batch):
        arguments = ["--batch", batch, "--prompt", PROMPT, "--new", RESPONSE]
        seen = causal(PROMPT + RESPONSE)
        flops = batch * self.work.forward(PROMPT + RESPONSE, RESPONSE, seen)
        return Case(
            f"generate, batch {batch}", "tokens", batch * RESPONSE, flops, ["generate", self.folder, *arguments, "--precision", self.precision], {
                "torch": (False, "generate.py", ["--model", self.folder, *arguments]),
                "torch tuned": (True, "generate.py", ["--model", self.folder, *arguments])})

    def score(self):
        lengths, pairs = self.pairs(False)
        rows = self.rows("pairs", lengths, False)
        seen = causal(PROMPT) + 2 * causal(RESPONSE, PROMPT)
        flops = pairs * self.work.forward(PROMPT + 2 * RESPONSE, 2 * RESPONSE, seen)
        peer = ["--model", self.folder, "--rows", rows, "--batch", pairs]
        return Case(
            "reference scoring", "pairs", pairs, flops,
            ["score", self.folder, rows, "--pairs", pairs, "--precision", self.precision], {
            "torch": (False, "score.py", peer), "torch tuned": (True, "score.py", peer)})

    # Shared

    def pairs(self, ragged):
        return (inputs.RAGGED, 8) if ragged else ([(PROMPT, RESPONSE, RESPONSE)] * 16, PAIRS)

    def rows(self, name, lengths, ragged):
        return inputs.rows(self.home, f"{name}-ragged" if ragged else name, lengths)

    def spec(self, name, method, lengths, rank, batch, objective, ragged=False, columns=None):
        rows = self.rows(name if name.startswith(("sft", "gmsa")) else "pairs", lengths, ragged)
        spec = dict(
            name="bench", method=method, model=str(self.folder), resources=dict(cpus=2),
            dataset=dict(train=str(rows), **({"columns": columns} if columns else {})), objective=objective,
            train=dict(steps=1, microbatch=batch, learning_rate=1e-6, schedule="constant", seed=1))
        if rank:
            spec["adapter"] = dict(rank=rank, alpha=2 * rank, targets="all")
        if self.precision != "fp32":
            spec["train"]["precision"] = self.precision
        name = f"{self.shape}-{name}-{'r%d' % rank if rank else 'full'}{'-ragged' if ragged else ''}-{self.precision}"
        file = self.home / "specs" / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(spec))
        return file

    def case(self, name, rank, ragged, unit, amount, flops, spec, peers):
        kind = "" if rank is None else f", LoRA {rank}" if rank else ", full"
        model = ["--model", self.folder]
        peers = {who: (tuned, script, [*model, *rest]) for who, (tuned, script, rest) in peers.items()}
        directory = self.home / "runs" / spec.stem
        return Case(
            name + kind + (", ragged" if ragged else ""), unit, amount, flops,
            ["steps", spec, "--directory", directory], peers)
