"""Policies on the Hugging Face hub: `hub:USER/NAME` is a folder of files there. Loading one runs nothing in it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from locomotion.checksums import SUMS
from locomotion.errors import UsageError

PREFIX = "hub:"
REPOSITORY = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")
INSTALL = "pip install -c constraints.txt -e '.[hub]'"


def cache() -> Path:
    """Return the folder in which policies of the hub are kept, one folder each."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "locomotion" / "hub"


def repository_of(name: str) -> str:
    """Return the repository that `hub:USER/NAME`, or `USER/NAME`, stands for.

    Raises:
        UsageError: where it stands for none.
    """
    repository = name.removeprefix(PREFIX)
    if not REPOSITORY.fullmatch(repository) or ".." in repository:
        raise UsageError(f"a policy on the hub is called USER/NAME, got {repository!r}")
    return repository


def require_hub() -> ModuleType:
    """Return the hub's library.

    Raises:
        UsageError: where it is not installed.
    """
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ModuleNotFoundError as error:
        raise UsageError(f"{error.name} is not installed: {INSTALL}") from error
    return huggingface_hub


def download(name: str, files: Sequence[str]) -> Path:
    """Return the folder on this machine of a policy of the hub, as new as the hub's where that can be reached.

    Args:
        name: `hub:USER/NAME`.
        files: that are fetched; no other is.

    Raises:
        UsageError: where there is no such policy, or the hub cannot be reached and the policy is not here.
    """
    repository = repository_of(name)
    hub = require_hub()
    folder = cache() / repository.replace("/", "--")
    try:
        hub.snapshot_download(repository, local_dir=folder, allow_patterns=[*files, SUMS])
    except hub.errors.RepositoryNotFoundError as error:
        raise UsageError(f"the hub has no {repository}, or none that this machine's login may read") from error
    except Exception as error:  # of the hub, of its network library, or of the disk
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"cannot fetch {repository} from the hub: {reason}") from error
    if not all((folder / one).is_file() for one in files):
        raise UsageError(f"{name} is no policy of this package: it lacks {' or '.join(files)}")
    return folder
