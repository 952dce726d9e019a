"""What no document could pass is told before anything starts, with recipe, step and key."""

from __future__ import annotations

import json

import pytest
import yaml

from rephrase.config.file import load_run
from rephrase.engines.endpoint import EndpointSettings
from rephrase.engines.model_folder import context_of
from rephrase.engines.settings import EngineSettings
from rephrase.engines.several import Engines
from rephrase.engines.vllm.settings import VllmSettings
from rephrase.errors import UserError
from rephrase.generation.fits import check_fits as check_all_fit
from rephrase.recipes.catalogue import recipes_of
from rephrase.recipes.use import RecipeUse
from rephrase.spark.stages import pipeline
from tests.places import EXAMPLES

TEMPLATE = {"tokenizer_config.json": {"chat_template": "{{ messages }}"}}


def model(folder, files: dict[str, dict] | None = None, **config: object) -> str:
    for name, content in {"config.json": config, "tokenizer.json": {}, **(TEMPLATE if files is None else files)}.items():
        (folder / name).write_text(json.dumps(content))
    return str(folder)


def wraps(max_tokens: int = 2048):
    return recipes_of([RecipeUse(use="wrap/easy", sampling={"max_tokens": max_tokens})])


def check_fits(recipes, engine: EngineSettings) -> None:
    check_all_fit(recipes, Engines.alone(engine))


def endpoint(**settings: object) -> EngineSettings:
    return EndpointSettings(kind="endpoint", url="http://localhost:1/v1", model="m", **settings)


@pytest.mark.parametrize(
    ("settings", "source"),
    [
        ({"max_model_len": 2048}, "engine.max_model_len"),
        ({"args": ["--max-model-len", "2048"]}, "--max-model-len in engine.args"),
        ({"args": ["--max-model-len=2048"], "max_model_len": 4096}, "--max-model-len in engine.args"),
        ({"args": ["--max_model_len", "512"]}, "--max-model-len in engine.args"),
        ({}, "config.json"),
    ],
)
def test_a_recipe_that_fills_the_context_is_named_with_step_and_key(tmp_path, settings, source):
    engine = VllmSettings(kind="vllm", model=model(tmp_path, max_position_embeddings=1024), **settings)
    with pytest.raises(UserError, match=rf"recipes, wrap/easy, step `rewrite`: sampling\.max_tokens asks for 2,048 .*{source}\)"):
        check_fits(wraps(), engine)
    check_fits(wraps(64), engine)


def test_thinking_that_may_be_shorter_fits_a_context_of_its_whole_length():
    check_fits(recipes_of([RecipeUse(use="thinking/trace")]), endpoint(max_model_len=8000))
    with pytest.raises(UserError, match=r"sampling\.max_tokens asks for 2,048 output tokens"):
        check_fits(recipes_of([RecipeUse(use="thinking/trace")]), endpoint(max_model_len=2048))


@pytest.mark.parametrize(
    "settings",
    [{"args": ["--max-model-len", "auto"]}, {"args": ["--hf-overrides", "{}"]}, {"max_model_len": 2049}, {"model": "hub/id"}],
)
def test_what_is_not_known_is_not_refused(tmp_path, settings):
    check_fits(wraps(), VllmSettings(**{"kind": "vllm", "model": model(tmp_path, max_position_embeddings=1024), **settings}))


def test_an_endpoints_context_is_known_from_its_settings():
    with pytest.raises(UserError, match=r"step `rewrite`.*only 2,000 .*\(engine\.max_model_len\)"):
        check_fits(wraps(), endpoint(max_model_len=2000))
    check_fits(wraps(), endpoint())


def test_each_step_is_held_against_the_context_of_its_own_engine():
    engines = Engines({"writer": endpoint(max_model_len=2000), "judge": endpoint(max_model_len=300)})
    [recipe] = recipes_of([RecipeUse.model_validate({"use": "preference/grades", "steps": {"judge": {"sampling": {"max_tokens": 299}}}})])
    check_all_fit([recipe], engines)
    large = {"judge": {"sampling": {"max_tokens": 512}}}
    check_all_fit(recipes_of([RecipeUse.model_validate({"use": "preference/grades", "steps": large})]), engines)
    large["judge"]["engine"] = "judge"
    with pytest.raises(UserError, match=r"preference/grades, step `judge`, engine `judge`: .* 512 output tokens, .* only 300 "):
        check_all_fit(recipes_of([RecipeUse.model_validate({"use": "preference/grades", "steps": large})]), engines)


@pytest.mark.parametrize(
    ("config", "tokens"),
    [
        ({"max_position_embeddings": 4096}, 4096),
        ({"n_positions": 1024}, 1024),
        ({"text_config": {"max_position_embeddings": 8192}, "max_position_embeddings": 77}, 8192),
        ({"max_position_embeddings": 4096, "rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, None),
        ({"max_position_embeddings": 4096, "rope_parameters": {"rope_type": "default"}}, 4096),
        ({"max_position_embeddings": "many"}, None),
        ({}, None),
    ],
)
def test_the_context_is_read_from_the_models_config(tmp_path, config, tokens):
    assert context_of(model(tmp_path, **config)) == tokens


def test_a_chat_without_a_template_is_found(tmp_path):
    base = model(tmp_path, {"tokenizer_config.json": {}}, max_position_embeddings=4096)
    for engine in (VllmSettings(kind="vllm", model=base), endpoint(tokenizer=base), endpoint(tokenizer=f"{base}/tokenizer.json")):
        with pytest.raises(UserError, match=r"recipes, wrap/easy, step `rewrite`.*no chat template in .*instruction-tuned"):
            check_fits(wraps(64), engine)
        check_fits(recipes_of([RecipeUse.model_validate(use) for use in ("baseline/*", "instruction/urial")]), engine)
    check_fits(wraps(64), VllmSettings(kind="vllm", model=base, args=["--chat-template", "chat.jinja"]))
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")
    check_fits(wraps(64), VllmSettings(kind="vllm", model=base))


def test_a_model_folder_without_a_tokenizer_is_found(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="the model folder has no tokenizer"):
        VllmSettings(kind="vllm", model=str(tmp_path)).check()
    VllmSettings(kind="vllm", model=str(tmp_path), args=["--tokenizer", "some/hub-id"]).check()


def test_a_run_is_refused_in_its_first_second(tmp_path):
    (tmp_path / "pages.jsonl").write_text('{"text": "The tide rises."}\n')
    run = {
        "output": "out",
        "input": {"paths": ["pages.jsonl"]},
        "tokenizer": str(EXAMPLES / "tokenizer.json"),
        "engine": {"kind": "endpoint", "url": "http://localhost:1/v1", "model": "m", "max_model_len": 2048},
        "recipes": ["mind/debate", {"use": "wrap/easy", "sampling": {"max_tokens": 2048}}],
        "filter": {"checks": ["finished"]},
        "mix": {"components": [{"origin": "original", "share": 1.0}]},
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(run))
    with pytest.raises(UserError, match=r"wrap/easy, step `rewrite`.*2,048 output tokens"):
        pipeline.check(load_run(str(tmp_path / "run.yaml")))
    assert not (tmp_path / "out" / "documents").exists()
