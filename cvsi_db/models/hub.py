"""Where weights that are not on this machine come from: the hub's local cache, else its network, else a clear error.

Takes repository and file names, returns cached paths. `cached_file` and `cached_files` look in the cache,
`why_unreachable` asks whether the hub can be reached, `download` fetches with the hub's own client and checks hashes.
"""

from __future__ import annotations

import errno
import json
import re
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from cvsi_db.errors import ModelError
from cvsi_db.models.hashes import blob_fits, check_first_use, hash_file

Group = tuple[str, ...]
"""Names of files that can stand for one another, the preferred one first."""

OPEN_CLIP_FILES: Group = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)
"""The names under which a repository may hold open_clip's weights."""

CLIP_FOLDER_FILES: tuple[Group, ...] = (("open_clip_config.json",), OPEN_CLIP_FILES)
"""What a repository must hold to be read by open_clip without a tag."""

TRANSFORMERS_CLIP_FILES: tuple[Group, ...] = (
    ("config.json",),
    ("preprocessor_config.json",),
    ("tokenizer.json", "vocab.json"),
    ("model.safetensors", "model.safetensors.index.json"),
)
"""What a repository must hold to be read by transformers as a CLIP."""

TOKENIZER_FILES: Group = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model")
"""The names under which a repository may hold a tokenizer."""

CAPTIONER_FILES: tuple[Group, ...] = (
    ("config.json",),
    ("preprocessor_config.json", "processor_config.json"),
    TOKENIZER_FILES,
    (
        "model.safetensors",
        "model.safetensors.index.json",
        "pytorch_model.bin",
        "pytorch_model.bin.index.json",
    ),
)
"""What a repository must hold to be read by transformers as a captioner."""

LANGUAGE_MODEL_FILES: tuple[Group, ...] = (
    ("config.json",),
    TOKENIZER_FILES,
    ("tokenizer_config.json",),
    ("model.safetensors", "model.safetensors.index.json"),
)
"""What a repository must hold to be read by transformers as a language model."""

COMPOSER_FILES: tuple[Group, ...] = (
    ("modules.json",),
    ("config.json",),
    TOKENIZER_FILES,
    ("model.safetensors", "model.safetensors.index.json"),
)
"""What a repository must hold to be read by sentence-transformers as a composer."""

SMALL_FILES: Group = (
    "generation_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "config_sentence_transformers.json",
    "preprocessor_config.json",
    "processor_config.json",
    "sentence_bert_config.json",
    "video_preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
)
"""What belongs with a model where a repository has it, and is not needed otherwise."""

_MODULE = re.compile(r"\d+_\w+/(?:config\.json|model\.safetensors)")
"""The files of sentence-transformers' modules, as of a pooling or a projection."""

PATIENCE_SECONDS = 2.5
"""How long the hub may take to answer before it counts as unreachable."""


def cached_file(repo: str, names: Sequence[str]) -> Path | None:
    """The first of these files of a repository that the local cache holds, or None.

    Raises ModelError when `repo` cannot be the name of a repository, as a path that does not exist.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = (try_to_load_from_cache(repo, name) for name in names)
        return next((Path(found) for found in cached if isinstance(found, str)), None)
    except HFValidationError as error:
        raise ModelError(f"{repo!r} is neither a path on this machine nor OWNER/NAME on the hub: correct it") from error


def cached_files(repo: str, groups: Iterable[Group]) -> tuple[tuple[Path, ...], tuple[Group, ...]]:
    """One cached file for each group, and the groups of which there is none.

    An index of weights counts with the files it names: each of them is a group of its own.
    """
    files: list[Path] = []
    missing: list[Group] = []
    for group in groups:
        found = cached_file(repo, group)
        if found is None:
            missing.append(group)
            continue
        files.append(found)
        if found.name.endswith(".index.json"):
            shards, missing_shards = cached_files(repo, _shards(found))
            files += shards
            missing += missing_shards
    return tuple(files), tuple(missing)


def _shards(index: Path) -> list[Group]:
    """The files among which an index spreads the weights. Raises ModelError for a damaged one."""
    try:
        return [(str(name),) for name in sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{str(index)!r} is not an index of weights: delete it, then pull the model again") from error


def download(repo: str, groups: Sequence[Group]) -> tuple[Path, ...]:
    """Fetches one file for each group, the small files that go with them, and whatever an index names; into the cache.

    The hub's client shows its bars on a terminal, resumes downloads, and leaves no partial file under a final name.
    Every file is hashed: one that is not what the hub announced is deleted again. Raises ModelError when the repository
    lacks a group, a hash is wrong, or the client fails.
    """
    from huggingface_hub import HfApi, hf_hub_download

    try:
        listing = set(HfApi().list_repo_files(repo))
        small = [*(name for name in SMALL_FILES if name in listing), *filter(_MODULE.fullmatch, sorted(listing))]
        files, missing = cached_files(repo, groups)
        for _ in range(2):  # an index tells only when it is here which files it needs
            for name in dict.fromkeys([*small, *(_first_of(group, listing, repo) for group in missing)]):
                _check(repo, name, Path(hf_hub_download(repo, name)))
            files, missing = cached_files(repo, groups)
            if not missing:
                break
    except ModelError:
        raise
    except Exception as error:  # the client raises its own errors, its HTTP library's and the system's
        raise ModelError(f"cannot download {repo!r}: {_why(error)}") from error
    return files


def _check(repo: str, name: str, path: Path) -> None:
    """Compares a file just fetched with what the hub said of it, and with what it was at its first use."""
    if blob_fits(path, hash_file(path)) is False:
        path.resolve().unlink()
        path.unlink()
        raise ModelError(
            f"cannot download {repo!r}: {name} is not what the hub announced, by its hash, and was deleted: try again; "
            "if that goes on, something between here and the hub changes files"
        )
    check_first_use(f"{repo}/{name}", path)


def _why(error: Exception) -> str:
    """What stopped the hub's client, and what to do, in one line."""
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    status = getattr(getattr(error, "response", None), "status_code", None)
    cause: BaseException | None = error
    while cause is not None and not (isinstance(cause, OSError) and cause.errno == errno.ENOSPC):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        return f"the disk of {constants.HF_HUB_CACHE!r} is full: free some space, or set HF_HOME to a folder elsewhere"
    if isinstance(error, GatedRepoError):
        return "its owner asks you to accept terms first: do so on the hub's page of it, then set HF_TOKEN"
    if status in (401, 403):
        return (
            f"the hub refuses ({status}): set HF_TOKEN or run `hf auth login`; or the name is wrong, or it is private"
        )
    if status == 404 or isinstance(error, RepositoryNotFoundError):
        return "the hub has no such repository or file: correct the name"
    if isinstance(error, ValueError):
        return (
            f"{constants.ENDPOINT} answered with something that is no hub's answer: a proxy or a login page stands "
            "between; open it in a browser, or set HTTPS_PROXY or HF_ENDPOINT"
        )
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"{reason} (what is here already stays: try again)"


def _first_of(group: Group, listing: set[str], repo: str) -> str:
    for name in group:
        if name in listing:
            return name
    raise ModelError(f"the repository {repo!r} holds no {' or '.join(group)}: is it the right one?")


def require_hub(what: str, remedy: str = "take the model that needs no download (--model photos-lite)") -> None:
    """Raises ModelError, within seconds, when the hub may not or cannot be asked for `what`."""
    if reason := why_unreachable():
        raise ModelError(
            f"the weights of {what} are not in the local cache and {reason}: give the path of a local copy, or {remedy}"
        )


def why_unreachable(server: str | None = None) -> str | None:
    """Why the hub, or another server of weights, may not or cannot be asked; None when it answers."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    server = server or constants.ENDPOINT
    return None if _answers(server) else f"{server} cannot be reached"


def why_not_served(repo: str) -> str | None:
    """Why the hub does not serve a repository, found out within seconds; None when it does."""
    import urllib.error
    import urllib.request

    from huggingface_hub import constants

    if reason := why_unreachable():
        return reason
    try:
        with urllib.request.urlopen(f"{constants.ENDPOINT}/api/models/{repo}", timeout=PATIENCE_SECONDS) as answer:
            json.load(answer)
    except urllib.error.HTTPError as error:
        return f"{constants.ENDPOINT} refuses them ({error.code})"
    except ValueError:
        return f"{constants.ENDPOINT} answers with a web page (a proxy or a login page stands between)"
    except OSError:
        return f"{constants.ENDPOINT} cannot be reached"
    return None


def _answers(url: str) -> bool:
    """Whether a server answers in time, whatever it says; looking up its name may hang, hence the thread."""
    import urllib.error
    import urllib.request

    answered = threading.Event()

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PATIENCE_SECONDS).close()
            answered.set()
        except urllib.error.HTTPError:
            answered.set()
        except OSError:
            pass

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE_SECONDS + 0.5)
    return answered.is_set()
