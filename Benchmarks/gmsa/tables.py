"""What the GMSA experiments found: tables in Markdown, curves, and the last evaluation of every run as JSON Lines."""

import json

import curves
import jobs
from spread import spread

PROMPT_TOKENS, MEAN_LENGTH = 12, 20


def heading(*columns):
    print("\n| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")


def line(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


class Tables:
    """Of the runs below a folder; a run that has not ended is left out."""

    def __init__(self, folder, results, seeds):
        self.folder, self.results, self.seeds = folder, results, seeds

    def evaluations(self, name):
        """The evaluations of a run, step by step; none when it has not ended."""
        if not (self.folder / f"{name}.run" / "result.json").exists():
            return []
        with open(self.folder / f"{name}.run" / "metrics.jsonl", encoding="utf-8") as file:
            return [row for row in map(json.loads, file) if "eval_loss" in row]

    def runs(self, name):
        """Of all seeds that have ended."""
        return [rows for rows in (self.evaluations(f"{name}-{seed}") for seed in self.seeds) if rows]

    def last(self, name, key, rate=None):
        """A metric at the end of every seed."""
        key = f"eval_{key}" if rate is None else f"eval_{key}@{rate}"
        return [rows[-1][key] for rows in self.runs(name) if key in rows[-1]]

    def plain_loss(self):
        """Of the model that reads the texts without having been asked to restate anything: the plateau."""
        rows = self.evaluations("e1-plain")
        return rows[-1]["eval_no_memory_loss"] if rows else float("nan")

    def left(self, rows):
        """The first step whose loss is below half of the plateau."""
        return next((str(row["step"]) for row in rows if row["eval_loss"] < 0.5 * self.plain_loss()), "never")

    def all(self, names, rate, questions, steps):
        """Everything."""
        self.rows(names)
        self.arms(rate, steps)
        self.first_stage(rate)
        self.rates()
        self.shifts(rate)
        self.controls(rate)
        for kind in questions:
            self.answers(kind, rate)

    def rows(self, names):
        with open(self.results / "gmsa-runs.jsonl", "w", encoding="utf-8") as file:
            for name in names:
                for row in self.evaluations(name)[-1:]:
                    values = {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}
                    file.write(json.dumps({"run": name, **values}) + "\n")

    def arms(self, rate, steps):
        print(f"plain language model: {self.plain_loss():.3f} nats a token")
        heading(
            "arm", "seeds", "loss", "token accuracy", "prefix match", "exact", "loss at equal compute",
            "below half of plain")
        costs = {arm: 16 * jobs.step_cost(arm, MEAN_LENGTH, rate, PROMPT_TOKENS) / 1e9 for arm in jobs.ARMS}
        budget = steps * min(costs.values())
        by_step, by_cost = {}, {}
        for arm in jobs.ARMS:
            runs = self.runs(f"e1-{arm}")
            if not runs:
                continue
            by_step[arm] = [[(row["step"], row["eval_loss"]) for row in rows] for rows in runs]
            by_cost[arm] = [[(row["step"] * costs[arm], row["eval_loss"]) for row in rows] for rows in runs]
            equal = [[row for row in rows if row["step"] * costs[arm] <= budget][-1]["eval_loss"] for rows in runs]
            metrics = [spread(self.last(f"e1-{arm}", key, rate)) for key in (
                "loss", "mean_token_accuracy", "prefix_match", "exact")]
            line(arm, len(runs), *metrics, spread(equal), ", ".join(map(self.left, runs)))
        self.draw("e1-steps", "Restating from soft tokens, rate 4", "step", by_step)
        self.draw("e1-compute", "The same against compute", "GFLOP", by_cost)

    def first_stage(self, rate):
        heading(
            "first stage", "seeds", "loss", "token accuracy", "prefix match", "written exactly", "BLEU-4",
            "another's memory", "below half of plain")
        shown = {}
        for arm in ["gmsa", "memory-tokens"]:
            name, runs = f"stage1-{arm}", self.runs(f"stage1-{arm}")
            metrics = [spread(self.last(name, key, rate)) for key in (
                "loss", "mean_token_accuracy", "prefix_match", "written_exact", "bleu", "wrong_memory_loss")]
            line(arm, len(runs), *metrics, ", ".join(map(self.left, runs)))
            shown[arm] = [[(row["step"], row["eval_loss"]) for row in rows] for rows in runs]
        self.draw("stage1", "The first stage of the answering models", "step", shown)

    def rates(self):
        heading("rate", "seeds", "loss", "another's memory", "token accuracy", "prefix match")
        runs = self.runs("e2-rates")
        rates = sorted(int(key.split("@")[1]) for key in (runs[0][-1] if runs else {}) if key.startswith("eval_loss@"))
        for rate in rates:
            line(rate, len(runs), *(spread(self.last("e2-rates", key, rate)) for key in (
                "loss", "wrong_memory_loss", "mean_token_accuracy", "prefix_match")))

    def shifts(self, rate):
        heading("compressor", "first tokens left out", "seeds", "loss", "token accuracy", "the text itself")
        for name, compressor in [("e2-shift", "e1-gmsa"), ("e2-jitter-shift", "e2-jitter")]:
            for shift in range(rate):
                firsts = [rows[0] for rows in self.runs(f"{name}-{shift}")]
                keys = [f"eval_loss@{rate}", f"eval_mean_token_accuracy@{rate}", "eval_text_loss"]
                line(compressor, shift, len(firsts), *(spread([row[key] for row in firsts]) for key in keys))

    def controls(self, rate):
        heading("run", "seeds", "loss", "another's memory", "no memory", "the text itself")
        names = [f"e1-{arm}" for arm in jobs.ARMS] + [f"e1-words-{arm}" for arm in ("gmsa", "memory-tokens")] + [
            f"stage1-{arm}" for arm in ("gmsa", "memory-tokens")]
        for name in names:
            if runs := self.runs(name):
                line(
                    name, len(runs), spread(self.last(name, "loss", rate)),
                    spread(self.last(name, "wrong_memory_loss", rate)), spread(self.last(name, "no_memory_loss")),
                    spread(self.last(name, "text_loss")))

    def answers(self, kind, rate):
        heading(f"{kind}: arm", "seeds", "loss", "another's memory", "no memory", "token accuracy", "EM", "F1")
        shown = {}
        for arm in ["text", "gmsa-full", "gmsa-qkv", "memory-tokens", "no-autoencoder", "closed"]:
            name = f"e4-{kind}-{arm}"
            runs = self.runs(name)
            if not runs:
                continue
            shown[arm] = [[(row["step"], row["eval_loss"]) for row in rows] for rows in runs]
            accuracy = self.last(name, "mean_token_accuracy", rate) or self.last(name, "mean_token_accuracy")
            line(
                arm, len(runs), spread(self.last(name, "loss")), spread(self.last(name, "wrong_memory_loss", rate)),
                spread(self.last(name, "no_memory_loss")), spread(accuracy),
                *(spread(self.last(name, key, rate) or self.written(name, key)) for key in ("exact_match", "f1")))
        self.draw(f"e4-{kind}", f"Answers: {kind}", "step", shown)

    def written(self, name, key):
        """Of the models that read the text or nothing."""
        paths = [self.folder / f"{name}-{seed}.answers.json" for seed in self.seeds]
        return [json.loads(path.read_text(encoding="utf-8"))[key] for path in paths if path.exists()]

    def draw(self, name, title, x_label, shown):
        if any(shown.values()):
            curves.svg(
                self.results / f"gmsa-{name}.svg", title, x_label, "evaluation loss (nats/token)",
                {arm: runs for arm, runs in shown.items() if runs})
