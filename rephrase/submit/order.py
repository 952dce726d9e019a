"""What is submitted, and what of it any target may ask."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from rephrase.config.run import Run
from rephrase.errors import UserError

_PLAIN = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AZURE_STORAGE_ACCOUNT_NAME")
_SECRET = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "HF_TOKEN",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_SAS_KEY",
)
_WITH_ENGINE = ("run", "rewrite", "doctor")


@dataclass(frozen=True, slots=True)
class Order:
    """A stage of a run, or all of it, and where it shall go."""

    run: Run
    config: str
    """The path of the run.yaml, as it was given."""
    stage: str = "run"
    """The name of a script in jobs/."""
    replaced: tuple[str, ...] = ()
    """Options that replace parts of the config, for the script."""
    master: str = ""
    archive: str = ""
    """Of `make package`, on this machine or on s3://."""
    image: str = ""
    """Of a container, for Kubernetes."""
    cluster_mode: bool = False
    """Whether the driver runs on the cluster, where there is a choice."""
    staging: str = ""
    """An s3:// URL or a folder of the cluster that takes the files which the cluster reads."""
    cluster: str = ""
    """The id of a cluster that a cloud has started."""
    keys_in: str = "rephrase"
    """The name of the cluster's own store of secrets, which holds each by the name of its variable."""
    settings: dict[str, str] = field(default_factory=dict)
    """Of Spark, which win over ours."""

    @property
    def holds_devices(self) -> bool:
        """Whether tasks of the stage have engines on the executors' GPUs."""
        return self.stage in _WITH_ENGINE and any(engine.holds_devices for engine in self.run.all_engines.by_name.values())

    def needed(self, what: str, option: str, example: str) -> UserError:
        """The error where the target lacks an option."""
        return UserError(f"{what} is missing", where=option, cure=f"for example {option} {example}")


def secrets_of(run: Run) -> list[str]:
    """The names of variables with keys that this process has, and that endpoints and stores want on the cluster's machines as well."""
    keys = [getattr(engine, "api_key_env", "") for engine in run.all_engines.by_name.values()]
    return list(dict.fromkeys(name for name in (*keys, *_SECRET) if os.environ.get(name)))


def plain_variables() -> list[str]:
    """The names of variables without keys that this process has, and that the same work needs elsewhere."""
    return [name for name in _PLAIN if os.environ.get(name)]
