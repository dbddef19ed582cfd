#!/usr/bin/env python3
"""Golden fixtures: tiny random models and the numbers a correct engine must reproduce on them.

    make_oracles.py generate --out DIR [--seed N] [--config FILE] [--overwrite]
    make_oracles.py check DIR [--tolerance 1e-9]

`generate` writes DIR/models, DIR/golden and DIR/manifest.json. `check` takes the models and the inputs of an existing
DIR, recomputes every stored number and compares. Weights are float32 values, arithmetic is float64. Each fixture is
<name>.safetensors (F64), <name>.f32.safetensors (rounded, plus tensors kept in F32 only) and <name>.json (its index).
scripts/make-fixtures runs this with the pinned packages."""
import argparse
import functools
import os
import shutil
import sys
import time
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
warnings.filterwarnings("ignore", category=FutureWarning)

import numpy
import peft
import safetensors
import torch
import transformers

from oracle_recipes import golden as format_
from oracle_recipes import models as folders
from oracle_recipes import settings as chosen
from oracle_recipes.adamw import optim_fixture
from oracle_recipes.family import check_spellings, family_fixture
from oracle_recipes.gmsa import gmsa_fixture
from oracle_recipes.lora import lora_fixture
from oracle_recipes.network import Network
from oracle_recipes.preference import preference_fixture
from oracle_recipes.prefix import prefix_fixture
from oracle_recipes.randomness import Randomness
from oracle_recipes.sources import Drawn, Stored, preference_networks
from oracle_recipes.tidpo import tidpo_fixture
from oracle_recipes.tisdpo import tisdpo_fixture

DEFAULT_SEED = 1206


class Bench:
    """What a recipe works with: the models, the settings and the inputs."""

    def __init__(self, folder, settings, source):
        self.models, self.settings, self.source = folder / "models", settings, source

    def network(self, name):
        return Network.load(self.models / name)

    @functools.cache
    def sequences(self, family):
        return self.source.sequences(family, self.network(family))

    @functools.cache
    def pairs(self, base):
        return self.source.pairs(base, preference_networks(self.network, base))

    def full(self, base):
        """Files that receive whole gradients: the float64 one only for the bases that the settings name."""
        return format_.BOTH if base in self.settings["full_f64"] else ("f32",)


def fixtures(bench):
    for family in chosen.FAMILIES:
        check_spellings(bench.models / family)
        yield family_fixture(bench, family)
    for base in chosen.LORA_BASES:
        yield lora_fixture(bench, base)
    for base in chosen.PREFERENCE_BASES:
        for recipe in (preference_fixture, tidpo_fixture, tisdpo_fixture, prefix_fixture):
            yield recipe(bench, base)
    for base in chosen.GMSA_BASES:
        yield gmsa_fixture(bench, base)
    yield optim_fixture(bench.source)


def packages():
    return {"python": sys.version.split()[0]} | {
        module.__name__: module.__version__ for module in (torch, transformers, peft, safetensors, numpy)}


def generate(arguments):
    out = Path(arguments.out)
    for top in ("models", "golden"):
        if (out / top).exists():
            chosen.require(arguments.overwrite, f"{out / top} exists; pass --overwrite to replace it")
            shutil.rmtree(out / top)
    settings, randomness = chosen.load(arguments.config), Randomness(arguments.seed)
    folders.write_all(out / "models", settings, randomness)
    for golden in fixtures(Bench(out, settings, Drawn(settings, randomness))):
        golden.write(out / "golden")
        print(f"{golden.name}: {len(golden.rows)} tensors", flush=True)
    count, size = format_.write_manifest(out, arguments.seed, settings, packages())
    print(f"{count} files, {size / 1e6:.2f} MB")


def check(arguments):
    folder = Path(arguments.folder)
    settings = format_.verify_manifest(folder)["config"]
    for golden in fixtures(Bench(folder, settings, Stored(folder, settings))):
        worst = golden.compare(folder / "golden", arguments.tolerance)
        print(f"{golden.name}: {len(golden.rows)} tensors agree, largest distance {worst:.1e}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("generate")
    command.add_argument("--out", required=True)
    command.add_argument("--seed", type=int, default=DEFAULT_SEED)
    command.add_argument("--config", help="JSON file with other shapes and lengths")
    command.add_argument("--overwrite", action="store_true")
    command.set_defaults(run=generate)
    command = commands.add_parser("check")
    command.add_argument("folder")
    command.add_argument("--tolerance", type=float, default=1e-9, help="over max(1, largest entry), float64 values")
    command.set_defaults(run=check)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.utils.logging.disable_progress_bar()
    started = time.monotonic()
    try:
        arguments.run(arguments)
    except chosen.FixtureError as problem:
        sys.exit(f"make_oracles: {problem}")
    print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
