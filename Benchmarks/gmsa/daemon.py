"""Jobs of the GMSA experiments in the queue of a daemon of their own."""

import json
import pathlib
import subprocess


def queued(spec, folder):
    """The specification with what other jobs make named by the job, since a daemon knows no paths."""
    def named(value):
        path = pathlib.Path(value)
        return {"job": path.parent.name.removesuffix(".run")} if path.is_relative_to(folder) else value

    return {**spec, **{key: named(spec[key]) for key in ("model", "compressor") if key in spec}}


def work_off(hone, folder, environment):
    """A daemon that ends when nothing is left to do; the first one makes the directories, too."""
    honed = pathlib.Path(hone).with_name("honed")
    with open(folder / "honed.log", "a", encoding="utf-8") as log:
        subprocess.run(
            [str(honed), "run", "--root", str(folder / "root"), "--until-idle"], env=environment, stderr=log, check=False)


def run_all(specs, hone, folder, cores, environment):
    """Drops all jobs that have not succeeded yet, lets a daemon work until nothing is left to do, and links NAME.run to
    the directory of each run."""
    root = folder / "root"
    root.mkdir(exist_ok=True)
    (root / "hone.yaml").write_text(
        json.dumps({"cpus": cores, "reserve_cores": 0, "dataset_roots": [str(folder)]}), encoding="utf-8")
    missing = [spec for spec in specs if not (folder / f"{spec['name']}.run" / "result.json").exists()]
    if not missing:
        return
    if not (root / "jobs").exists():
        work_off(hone, folder, environment)
    for spec in missing:
        file = folder / f"{spec['name']}.json"
        file.write_text(json.dumps(queued(spec, folder), indent=1), encoding="utf-8")
        subprocess.run(
            [hone, "submit", "--root", str(root), "--quiet", str(file)], env=environment, check=True,
            stdout=subprocess.DEVNULL)
    work_off(hone, folder, environment)
    for spec in missing:
        runs = sorted(root.glob(f"runs/*-{spec['name']}"), key=lambda path: int(path.name.split("-")[0]))
        done = bool(runs) and (runs[-1] / "result.json").exists()
        if done:
            link = folder / f"{spec['name']}.run"
            link.unlink(missing_ok=True)
            link.symlink_to(runs[-1])
        print(f"{spec['name']}: {'done' if done else f'failed, see hone why --root {root}'}", flush=True)
