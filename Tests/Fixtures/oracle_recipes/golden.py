"""The file format: one Golden collects the tensors of a fixture, and writes or compares them."""
import hashlib
import json
import math

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from .settings import FixtureError, require

BOTH = ("f64", "f32")
FINGERPRINT = ("fingerprints, one row per parameter in `param_order`: "
               "[sum, L2 norm, sum_k x_k cos(0.37 (k+1))], k row-major from 0")


def fingerprint(tensor):
    x = tensor.detach().double().flatten()
    wave = torch.cos(0.37 * torch.arange(1, len(x) + 1, dtype=torch.float64))
    return torch.stack((x.sum(), x.norm(), x @ wave))


def fingerprints(tensors):
    return torch.stack([fingerprint(t) for t in tensors])


def power_of_ten(value):
    """An upper bound that does not depend on the last bits of one machine."""
    return "0" if value == 0 else f"<1e{math.floor(math.log10(value)) + 1:+03d}"


def distance(a, b):
    """Largest absolute difference over max(1, largest entry of b)."""
    a, b = (torch.as_tensor(t, dtype=torch.float64).detach() for t in (a, b))
    return float((a - b).abs().max()) / max(1.0, float(b.abs().max())) if a.numel() else 0.0


def agree(a, b, tolerance, text):
    found = distance(a, b)
    require(found <= tolerance, f"{text}: differs by {found:.2e}, allowed {tolerance:.0e}")
    return found


def _as_stored(value):
    array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    kind, dtype = {"f": ("float", np.float64), "b": ("u8", np.uint8), "u": ("u8", np.uint8),
                   "i": ("i32", np.int32)}[array.dtype.kind]
    return kind, np.ascontiguousarray(array.astype(dtype).reshape(array.shape or (1,)))


class Golden:
    """Tensors of one fixture in the order of its index. `head` holds the index fields between hyper and checks."""

    def __init__(self, name, about, hyper, **head):
        self.name, self.about, self.hyper, self.head = name, about, hyper, head
        self.rows, self.checks = {}, {}

    def add(self, name, value, meaning, files=BOTH):
        kind, array = _as_stored(value)
        require(name not in self.rows, f"{self.name}: tensor {name} is added twice")
        require(array.size > 0, f"{self.name}: tensor {name} is empty")
        require(kind != "float" or np.isfinite(array).all(), f"{self.name}: tensor {name} is not finite")
        self.rows[name] = (kind, array, meaning, tuple(files))

    def write(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        for precision, suffix in zip(BOTH, ("", ".f32")):
            save_file(self._tensors(precision), folder / f"{self.name}{suffix}.safetensors")
        (folder / f"{self.name}.json").write_text(self._index())

    def _tensors(self, precision):
        return {name: array.astype(np.float32) if kind == "float" and precision == "f32" else array
                for name, (kind, array, _, files) in self.rows.items() if precision in files}

    def _index(self):
        head = {"fixture": self.name, "about": self.about, "hyper": self.hyper, **self.head, "checks": self.checks}
        lines = [f" {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items()]
        rows = ",\n".join("  " + json.dumps(row) for row in self._index_rows())
        return "{\n" + "".join(lines) + ' "tensors": [\n' + rows + "\n ]\n}\n"

    def _index_rows(self):
        for name, (kind, array, meaning, files) in self.rows.items():
            row = {"name": name, "dtype": kind, "shape": list(array.shape)}
            if files != BOTH:
                row["only_in"] = list(files)
            row["meaning"] = meaning
            if array.size <= 3:
                row["value"] = array.flatten().tolist()
            yield row

    def compare(self, folder, tolerance):
        """Recomputed against stored: names, kinds, shapes, hyper-parameters, values. Returns the largest distance."""
        index = json.loads((folder / f"{self.name}.json").read_text())
        require(index["hyper"] == json.loads(json.dumps(self.hyper)), f"{self.name}: hyper-parameters differ")
        for field, value in self.head.items():
            if "order" in field:
                require(index[field] == value, f"{self.name}: {field} differs")
        listed = [{k: v for k, v in row.items() if k in ("name", "dtype", "shape", "only_in")}
                  for row in index["tensors"]]
        mine = [{k: v for k, v in row.items() if k in ("name", "dtype", "shape", "only_in")}
                for row in self._index_rows()]
        by_name = {row["name"]: row for row in listed}
        for row in mine:
            require(by_name.get(row["name"]) == row, f"{self.name}: stored {by_name.get(row['name'])}, found {row}")
        extra = set(by_name) - set(self.rows)
        require(not extra, f"{self.name}: stored but not recomputed: {sorted(extra)}")
        worst = 0.0
        for precision, suffix in zip(BOTH, ("", ".f32")):
            stored = load_file(folder / f"{self.name}{suffix}.safetensors")
            for name, array in self._tensors(precision).items():
                worst = max(worst, self._compare_one(name, array, stored[name], precision, tolerance))
        return worst

    def _compare_one(self, name, array, stored, precision, tolerance):
        where = f"{self.name}: {name} ({precision})"
        if array.dtype.kind != "f":
            require((array == stored).all(), f"{where}: found {array.tolist()}, stored {stored.tolist()}")
            return 0.0
        found = agree(array, stored, tolerance if precision == "f64" else 1e-6, where)
        return found if precision == "f64" else 0.0


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_manifest(folder, seed, settings, packages):
    paths = [p for top in ("models", "golden") for p in sorted((folder / top).rglob("*")) if p.is_file()]
    files = {}
    for path in paths:
        path.chmod(0o644)  # the safetensors library writes files that only their owner can read
        files[path.relative_to(folder).as_posix()] = {"bytes": path.stat().st_size, "sha256": digest(path)}
    total = sum(entry["bytes"] for entry in files.values())
    manifest = {"project": "hone", "seed": seed, "config": settings, "packages": packages, "total_bytes": total,
                "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return len(files), total


def verify_manifest(folder):
    """Every file of the manifest with its digest, and no file beside them."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, entry in manifest["files"].items():
        if not (folder / name).is_file() or digest(folder / name) != entry["sha256"]:
            raise FixtureError(f"{folder / name}: missing or changed; regenerate with scripts/make-fixtures")
    return manifest
