"""The machine: what it can do at most, and the environments that contenders run in."""
import glob
import json
import os
import pathlib
import platform
import subprocess

HERE = pathlib.Path(__file__).parent
AVX512 = {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"}


def processor_flags():
    if not os.path.exists("/proc/cpuinfo"):
        return set()
    lines = [line for line in open("/proc/cpuinfo") if line.startswith("flags")]
    return set(lines[0].split()) if lines else set()


def description():
    model = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return dict(processor=model[0] if model else platform.machine(), processors=os.cpu_count(), kernel=platform.release())


def compiled(home, name, *options):
    """A program or library from C in this folder, made once for each change of its source."""
    source, target = HERE / f"{name}.c", home / name
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["cc", "-O3", "-march=native", "-pthread", *options, source, "-o", target], check=True)
    return target


def limits(home, threads):
    """Peak arithmetic and bandwidth now: other load on the machine shows here."""
    return json.loads(subprocess.run([compiled(home, "limits"), str(threads)], capture_output=True, check=True).stdout)


def clean_environment():
    dropped = ("LD_PRELOAD", "OMP_", "MKL_", "OPENBLAS_", "GOMP_", "KMP_")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def hone_environment():
    """What honed gives a worker: OpenBLAS reads its kernels' name before a program begins."""
    environment = clean_environment()
    flags = processor_flags()
    if AVX512 <= flags:
        environment["OPENBLAS_CORETYPE"] = "Cooperlake" if "avx512_bf16" in flags else "SkylakeX"
    return environment


def peer_environment(home, threads, tuned):
    """Stock: what pip installs, with as many threads. Tuned: MKL persuaded to use AVX-512 on any maker's processor, an
    allocator that keeps memory, bound threads."""
    environment = dict(clean_environment(), OMP_NUM_THREADS=str(threads), PYTHONDONTWRITEBYTECODE="1")
    if tuned:
        preloaded = [str(compiled(home, "any_processor", "-shared", "-fPIC"))]
        preloaded += glob.glob("/usr/lib/*/libtcmalloc_minimal.so.4")[:1]
        environment.update(LD_PRELOAD=":".join(preloaded), OMP_PROC_BIND="true")
    return environment
