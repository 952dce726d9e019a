"""All checks, in the order in which they are told: the driver's own first, then what the run reads, then what its tasks need."""

from __future__ import annotations

from rephrase.doctor.check import Check
from rephrase.doctor.checks import (
    classifiers,
    endpoints,
    entities,
    inputs,
    java,
    lakehouse,
    machine,
    models,
    packages,
    recipes,
    store,
    vllm,
)

CHECKS: tuple[Check, ...] = (
    java.JAVA,
    recipes.RECIPES,
    packages.PACKAGES,
    inputs.INPUT,
    inputs.SAMPLES,
    store.OUTPUT,
    store.CLOCK,
    lakehouse.TABLES,
    machine.DISK,
    models.TOKENIZER,
    endpoints.OTHERS,
    endpoints.ENDPOINTS,
    models.MODEL,
    vllm.VLLM,
    machine.GPUS,
    machine.SHARED_MEMORY,
    classifiers.MODELS,
    classifiers.ENCODERS,
    classifiers.FILES,
    entities.MODEL,
    entities.LABELLED,
    recipes.SANDBOX,
    recipes.COMMANDS,
)
