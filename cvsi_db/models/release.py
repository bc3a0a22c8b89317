"""Weights that stand as files in a release of a public repository, outside the hub: found in our cache, or fetched.

Takes REPO/TAG/FILE, as `miccunifi/SEARLE/weights/SEARLE_ViT-B32.pt`; returns the path of the file in the user's cache
folder. `CVSI_RELEASES` replaces the server, https://github.com, as `HF_ENDPOINT` does the hub's; HF_HUB_OFFLINE holds
here too.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from http.client import HTTPException, IncompleteRead
from pathlib import Path

from platformdirs import user_cache_path

from cvsi_db.errors import ModelError
from cvsi_db.settings import APP

BLOCK = 1 << 18
PATIENCE_SECONDS = 20
"""How long the server may be silent in the middle of a file."""
ATTEMPTS = 3


def server() -> str:
    """Where releases are."""
    return os.environ.get("CVSI_RELEASES", "https://github.com").rstrip("/")


def release_file(source: str) -> Path:
    """Where the file is, or will be once it is fetched."""
    return user_cache_path(APP) / "releases" / source


def fetch_release(source: str) -> Path:
    """The file, fetched; what an earlier attempt left is completed, not fetched again.

    It has its name only when it is whole. Shows the hub's progress bar. Raises ModelError with what to do.
    """
    path = release_file(source)
    repo, tag, name = source.rsplit("/", 2)
    url = f"{server()}/{repo}/releases/download/{tag}/{name}"
    part = path.with_name(f"{name}.part")
    cannot = f"cannot download {url}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(ATTEMPTS):
            try:
                _complete(url, part)
                break
            except (HTTPException, TimeoutError, ConnectionError):
                if attempt == ATTEMPTS - 1:
                    raise
        part.replace(path)
    except urllib.error.HTTPError as error:
        remedy = {401: "it asks for a login", 403: "it refuses", 404: "there is no such file"}.get(error.code, "")
        why = f"{error.code} {error.reason}" + (f" ({remedy})" if remedy else "")
        raise ModelError(f"{cannot}: {why}: fetch it by hand, then name the file as `phi` in a bundle file") from error
    except (HTTPException, urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = str(getattr(error, "reason", error)) or type(error).__name__
        raise ModelError(f"{cannot}: {reason}: try again, which goes on where this stopped") from error
    except OSError as error:
        raise ModelError(
            f"{cannot}: {error.strerror or error} in {str(path.parent)!r}: free some space, or set XDG_CACHE_HOME"
        ) from error
    return path


def _complete(url: str, part: Path) -> None:
    """Appends to `part` what it lacks. Raises what urllib raises, IncompleteRead for an answer that was cut."""
    from huggingface_hub.utils.tqdm import tqdm

    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=PATIENCE_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # there is nothing after what we have: whole, or of another file
            part.unlink()
            return _complete(url, part)
        raise
    with answer:
        if answer.headers.get_content_type() in ("text/html", "application/xhtml+xml"):
            raise ModelError(
                f"cannot download {url}: a web page was answered instead of the file: a proxy or a login page stands "
                "between; open it in a browser, or set HTTPS_PROXY"
            )
        resumed = answer.status == 206
        have = have if resumed else 0
        rest = answer.headers.get("Content-Length")
        total = have + int(rest) if rest else None
        with (
            part.open("ab" if resumed else "wb") as out,
            tqdm(total=total, initial=have, unit="B", unit_scale=True, desc=part.stem, disable=None) as bar,  # type: ignore[no-untyped-call]
        ):
            while block := answer.read(BLOCK):
                out.write(block)
                bar.update(len(block))
    if total is not None and part.stat().st_size < total:
        raise IncompleteRead(b"", total - part.stat().st_size)
    return None
