"""Raw `LLM.generate` against our rewrite stage on one GPU: one command, eight minutes at most, nothing downloaded.

    python bench/gpu.py [--seconds 480] [--models SmolLM2-1.7B Qwen3-8B] [--out out/bench/gpu.json]

Models have the shapes of real ones and random weights (see gpu_model.py), so that speed is theirs and texts are noise. Both sides answer
the same prompts, one after the other, each with the GPU to itself, and with outputs of one length. Of each it tells: seconds until the
engine answers, output tokens a second, the share of the GPU's peak that the model's own operations make (MFU), and how busy the GPU was.
`overhead` is what a request of ours takes longer than a raw one, in milliseconds of the whole machine. A step that the time does not
allow is left out and said so. Without a GPU a tiny model shows that it runs. The last line is `gpu ratio R`, ours over raw, of the last
model.
"""

from __future__ import annotations

import argparse
import calendar
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT / "bench"))]  # a library is called `catalogue`, too

from bench.gpu_model import MODELS, TINY, Model, write_model  # noqa: E402  # the path comes first
from bench.rewrite import of_our_server  # noqa: E402

# Dense bf16 TFLOP/s by the makers' data sheets.
PEAKS = {"H100": 989, "H200": 989, "GH200": 989, "B200": 2250, "A100": 312, "L40S": 362, "L4": 121, "A10G": 70}
STEP_SECONDS = 220.0  # of one side with one model, at most
LEAST_SECONDS = 60.0  # in which a side can be done at all


def main() -> None:
    """Measure, print a table, and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=480.0, help="for all of it")
    parser.add_argument("--models", nargs="+", choices=[model.name for model in MODELS], help="default: both, or a tiny one without a GPU")
    parser.add_argument("--prompts", type=int, help="default: enough for half a minute on a GPU of 80 GB and more")
    parser.add_argument("--cores", type=int, default=min(4, os.cpu_count() or 1), help="Spark tasks at a time")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "bench" / "gpu.json")
    options = parser.parse_args()
    deadline = time.monotonic() + options.seconds
    gpu = gpu_name()
    chosen = [model for model in MODELS if model.name in options.models] if options.models else MODELS if gpu else (TINY,)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="rephrase-gpu-") as scratch, gpu_log(Path(scratch, "busy.csv"), on_gpu=bool(gpu)) as busy:
        for model in chosen:
            folder = write_model(model, Path(scratch, model.name))
            for side in ("raw", "stage"):
                rows.append(measure(model, side, folder, options, deadline, gpu, busy))
                print(line(rows[-1]), flush=True)
    compared = ratios(rows)
    report = {"gpu": gpu, "when": time.strftime("%Y-%m-%d %H:%M:%S"), "rows": rows, "ratios": compared}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1), encoding="utf-8")
    for name, (ratio, overhead) in compared.items():
        print(f"{name}: ratio {ratio:.3f}, overhead {overhead:.2f} ms a request")
    print(f"written to {options.out}")
    if not compared:
        sys.exit("no model was measured on both sides")
    print(f"gpu ratio {list(compared.values())[-1][0]:.3f}")


def measure(
    model: Model, side: str, folder: Path, options: argparse.Namespace, deadline: float, gpu: str | None, busy: Path
) -> dict[str, Any]:
    """One side with one model, in a process that is ended with all of its own when its time is up."""
    row: dict[str, Any] = {"model": model.name, "side": side}
    seconds = min(STEP_SECONDS, deadline - time.monotonic())
    if seconds < LEAST_SECONDS:
        return {**row, "failure": "left out: the time is up"}
    prompts = options.prompts or model.prompts
    scratch = folder.parent / f"{model.name}-{side}"
    scratch.mkdir()
    engine = {"max_model_len": 1024 + model.tokens, **({"gpu_memory_utilization": 0.9} if gpu else {})}
    arguments, environment = of_our_server(str(folder))
    on_processor: dict[str, Any] = {} if gpu else {"raw": {**arguments, "enforce_eager": True}, "args": ["--enforce-eager"]}
    work = {
        "model": str(folder),
        "folder": str(scratch),
        "engine": engine,
        "raw": arguments,
        "args": [],
        "prompts": prompts,
        "tokens": model.tokens,
        "cores": options.cores,
        **on_processor,
    }
    (scratch / "work.json").write_text(json.dumps(work), encoding="utf-8")
    result = run_side(side, scratch, environment, seconds)
    if isinstance(result, str):
        return {**row, "failure": result}
    took = result["ended"] - result["began"]
    operations = model.operations(result["prompt_tokens"], result["output_tokens"], prompts)
    peak = next((tera * 1e12 for name, tera in PEAKS.items() if gpu and name in gpu.split()), None)
    return {
        **row,
        "prompts": prompts,
        **result,
        "seconds": took,
        "tokens_per_second": result["output_tokens"] / took,
        "mfu": operations / took / peak if peak else None,
        "busy": mean_busy(busy, result["began"], result["ended"]),
    }


def run_side(side: str, scratch: Path, environment: dict[str, str], seconds: float) -> dict[str, Any] | str:
    """What the side's process printed, or why there is nothing."""
    command = [sys.executable, str(ROOT / "bench" / "gpu_side.py"), side, str(scratch / "work.json")]
    with open(scratch / "log", "w+", encoding="utf-8") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return f"not done within {seconds:.0f} s"
        finally:  # a server of ours has a session of its own, and ends when it sees that this process is gone
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.seek(0)
        lines = log.read().splitlines()
    found = next((text for text in lines if text.startswith("RESULT ")), None)
    if found is None:
        return "failed: " + " | ".join(lines[-3:])[-400:]
    result: dict[str, Any] = json.loads(found.removeprefix("RESULT "))
    return result


def gpu_name() -> str | None:
    """The first GPU's name as its driver says it; None where there is none."""
    with contextlib.suppress(OSError):
        command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader", "--id=0"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        if answer.returncode == 0 and answer.stdout.strip():
            return answer.stdout.strip().splitlines()[0]
    return None


@contextlib.contextmanager
def gpu_log(path: Path, *, on_gpu: bool) -> Iterator[Path]:
    """While this is held, a line in the file every half second: the time, and the share of it in which the GPU was at work."""
    if not on_gpu:
        yield path
        return
    query = ["nvidia-smi", "--query-gpu=timestamp,utilization.gpu", "--format=csv,noheader,nounits", "--id=0", "--loop-ms=500"]
    with open(path, "wb") as file:
        sampler = subprocess.Popen(query, stdout=file, stderr=subprocess.DEVNULL, env={**os.environ, "TZ": "UTC"})
        try:
            yield path
        finally:
            sampler.kill()
            sampler.wait()


def mean_busy(path: Path, began: float, ended: float) -> float | None:
    """The mean of what `gpu_log` wrote between two Unix times, from 0 to 1; None without a line."""
    shares = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        at, _, share = text.partition(",")
        with contextlib.suppress(ValueError):
            moment = calendar.timegm(time.strptime(at.split(".")[0], "%Y/%m/%d %H:%M:%S"))
            if began <= moment <= ended:
                shares.append(float(share) / 100)
    return sum(shares) / len(shares) if shares else None


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    if "failure" in row:
        return f"{row['model']:<14} {row['side']:<6} {row['failure']}"
    mfu = f"MFU {row['mfu']:.1%}" if row["mfu"] is not None else "MFU -"
    busy = f"busy {row['busy']:.0%}" if row["busy"] is not None else "busy -"
    rate = f"{row['tokens_per_second']:>8,.0f} tokens/s"
    return f"{row['model']:<14} {row['side']:<6} {rate}  {mfu}  {busy}  start {row['start_seconds']:.0f} s  {row['seconds']:.1f} s of work"


def ratios(rows: list[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """By model: our tokens a second over raw ones, and how many milliseconds a request of ours takes longer."""
    by_place = {(row["model"], row["side"]): row for row in rows if "failure" not in row}
    pairs = {name: (by_place.get((name, "raw")), by_place.get((name, "stage"))) for name, _ in by_place}
    return {
        name: (ours["tokens_per_second"] / theirs["tokens_per_second"], 1000 * (ours["seconds"] - theirs["seconds"]) / ours["prompts"])
        for name, (theirs, ours) in pairs.items()
        if theirs and ours
    }


if __name__ == "__main__":
    main()
