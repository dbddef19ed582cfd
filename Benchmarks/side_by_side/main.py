#!/usr/bin/env python3
"""Runs every contender of every case in turn and prints what came out. Started by Benchmarks/speed."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import inputs
import machine
import report
from cases import Cases
from shapes import SHAPES

HERE = pathlib.Path(__file__).parent


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", action="append", choices=list(SHAPES))
    parser.add_argument("--only", action="append", help="cases whose name contains this, or with = in front is this")
    parser.add_argument("--contender", action="append", help="peers, chosen likewise; 'none' for hone alone")
    parser.add_argument("--precision", action="append", choices=["fp32", "bf16"])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=pathlib.Path)
    found = parser.parse_args()
    found.shape = found.shape or ["smollm2-135m"]
    found.precision = found.precision or ["fp32"]
    return found


def chosen(name, wanted):
    """Whether a name is one of those that are asked for; without any, all are."""
    return not wanted or any(name == w[1:] if w.startswith("=") else w in name for w in wanted)


def run(commands, environment):
    """What programs that run at once did together, or why they did not: the slowest one's seconds for a share of the
    work each, the sum of their memory."""
    running = [
        subprocess.Popen(
            list(map(str, command)), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for command in commands]
    results = [result(program, *program.communicate()) for program in running]
    failed = next((found for found in results if "error" in found), None)
    if failed or len(results) == 1:
        return failed or results[0]
    return dict(
        results[0], seconds=[max(times) / len(results) for times in zip(*(found["seconds"] for found in results))],
        peak_rss_bytes=sum(found["peak_rss_bytes"] for found in results))


def result(program, output, errors):
    """The JSON line that a program ends with, or why there is none."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if program.returncode or not lines:
        return dict(error=(errors.strip().splitlines() or ["no output"])[-1][:300])
    return json.loads(lines[-1])


def contenders(case, settings, precision, home):
    """Name, commands and environment of everybody who does a case, hone first."""
    times = ["--threads", settings.threads, "--repeats", settings.repeats]
    yield "hone", [[os.environ["HONE_BENCH"], *case.hone, *times]], machine.hone_environment()
    for name, (copies, threads) in case.own.items():
        commands = [
            [os.environ["HONE_BENCH"], *apart(case.hone, copy), "--threads", threads, "--repeats", settings.repeats]
            for copy in range(copies)]
        yield name, commands, machine.hone_environment()
    for name, (tuned, script, arguments) in case.peers.items():
        if not chosen(name, settings.contender):
            continue
        command = [os.environ["HONE_PYTHON"], HERE.parent / "peers/speed" / script, *arguments, *times,
                   "--precision", precision]
        yield name, [command], machine.peer_environment(home, settings.threads, tuned)


def apart(arguments, copy):
    """The arguments with a directory that no other copy has."""
    return [
        f"{value}-{copy}" if before == "--directory" else value
        for before, value in zip(["", *arguments], arguments)]


def measure(case, settings, precision, home):
    """Rounds of all contenders, one after the other."""
    results = {}
    for _ in range(settings.rounds):
        for name, commands, environment in contenders(case, settings, precision, home):
            limits = machine.limits(home, settings.threads)
            started = time.time()
            result = run(commands, environment)
            print(f"{case.name}: {name}: {describe(result)}, {time.time() - started:.0f} s", file=sys.stderr)
            results.setdefault(name, []).append(dict(result, limits=limits, load=os.getloadavg()[0]))
    return results


def describe(result):
    return result.get("error") or f"{statistics.median(result['seconds']):.3f} s"


def selected(settings, home):
    """Every case that was asked for, with its shape and precision."""
    for shape in settings.shape:
        for precision in settings.precision:
            folder = inputs.model_folder(os.environ["HONE_BENCH"], home, shape, precision)
            for case in Cases(home, folder, shape, precision).all():
                if chosen(case.name, settings.only):
                    yield shape, precision, case


def main():
    settings = options()
    home = pathlib.Path(os.environ["OUT"])
    home.mkdir(parents=True, exist_ok=True)
    output = settings.output or home / time.strftime("speed-%Y%m%d-%H%M%S.json")
    measured = []
    for shape, precision, case in selected(settings, home):
        results = measure(case, settings, precision, home)
        measured.append(dict(
            shape=shape, precision=precision, case=case.name, unit=case.unit, amount=case.amount, flops=case.flops,
            threads=settings.threads, contenders=results))
        report.case(measured[-1])
        # After every case: a run that is cut off leaves what it has.
        output.write_text(json.dumps(dict(machine=machine.description(), measured=measured), indent=1))
    print(f"\n{output}")


if __name__ == "__main__":
    main()
