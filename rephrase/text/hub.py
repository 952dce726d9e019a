"""The hub of models, asked once and briefly: its client would try again for half a minute where there is no network."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rephrase.errors import UserError

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

MODULE = "huggingface_hub.hf_api"
_SECONDS = 5
_CACHE = "or put it into the hub's cache, which HF_HOME names, and set HF_HUB_OFFLINE=1"


def is_cached(name: str, file: str, revision: str | None = None) -> bool:
    """Whether a file of a repository lies in the hub's cache on this machine."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return isinstance(try_to_load_from_cache(name, file, revision=revision), str)
    except HFValidationError:
        return False


def ask_hub(name: str, revision: str | None, *, files: str, otherwise: str = "") -> ModelInfo:
    """What the hub tells of a repository, with the sizes of its files.

    Args:
        name: The id of the repository.
        revision: Of the repository; None for its newest.
        files: What of it is needed, as `hf download` is given it: empty for all.
        otherwise: The end of the cure where there is no hub: another way to the same.

    Raises:
        UserError: It has no such repository, wants its terms accepted, or does not answer.

    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # of each of its tries it would tell; the finding tells of all
    download = " ".join(part for part in ("hf download", name, files, "--local-dir FOLDER") if part)
    cure = f"give a local folder (`{download}` where there is a network), {_CACHE}{otherwise}"
    try:
        return HfApi().model_info(name, revision=revision, timeout=_SECONDS, files_metadata=True)
    except HFValidationError as error:
        raise UserError(
            "neither a folder here nor an id of the hub", where=name, cure="correct the path, or give an id: OWNER/NAME"
        ) from error
    except GatedRepoError as error:
        cure = "accept its terms on the model's page, and set HF_TOKEN where tasks run"
        raise UserError("the hub wants its terms accepted", where=name, cure=cure) from error
    except RevisionNotFoundError as error:
        raise UserError(f"the hub has no revision `{revision}`", where=name, cure="correct engine.revision") from error
    except RepositoryNotFoundError as error:
        cure = "check its id; a private one needs HF_TOKEN where tasks run"
        raise UserError("the hub knows no such model", where=name, cure=cure) from error
    except OfflineModeIsEnabled as error:
        raise UserError("not in the hub's cache here, and HF_HUB_OFFLINE forbids to ask the hub", where=name, cure=cure) from error
    except Exception as error:  # of whichever HTTP library the hub's client has
        what = f"not in the hub's cache here, and the hub does not answer: {type(error).__name__}: {str(error).splitlines()[0][:200]}"
        raise UserError(what, where=name, cure=cure) from error
