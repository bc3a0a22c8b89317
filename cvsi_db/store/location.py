"""Location: where a gallery is, a folder on this machine or one on object storage, and what both can do with files.

Takes what a user wrote; returns a Path or a RemoteFolder, which has those of a Path's methods that a gallery needs. Of
files only LanceDB reads the content of tables; what is done here is listing, moving and deleting. Object storage is
reached with the settings of the environment, by the names that LanceDB takes (AWS_ENDPOINT_URL, …).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from cvsi_db.errors import GalleryError, UsageError

LANCE = "lance"
"""What the folders of Lance tables in a gallery's folder begin with."""
DAMAGED = "damaged"
"""The folder inside a gallery's folder that keeps what a repair replaced."""
NOTE = "gallery.json"
"""The file beside the Lance tables that repeats what the catalog says of the gallery."""

SCHEMES = ("s3", "gs", "az")
_ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+):/+(?P<rest>[^/].*)?", re.IGNORECASE)
_NO_ANSWER = "error sending request"
_PATIENCE = timedelta(seconds=20)
"""How long an object store that does not answer is asked again."""


class RemoteFolder(str):
    """A folder on object storage: the text of its address, without a slash at the end, such as s3://bucket/gallery.

    There are no folders on object storage: one is there as long as an object's name begins with it.
    """

    __slots__ = ()

    def __truediv__(self, name: str) -> RemoteFolder:
        return RemoteFolder(f"{self}/{name}")

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.rpartition("/")[2]

    @property
    def parent(self) -> RemoteFolder:
        """The folder that this one is in."""
        return RemoteFolder(self.rpartition("/")[0])

    def with_name(self, name: str) -> RemoteFolder:
        """The folder of another name in the same folder."""
        return self.parent / name

    def absolute(self) -> RemoteFolder:
        """The same: an address is absolute."""
        return self

    def resolve(self) -> RemoteFolder:
        """The same: there are no links."""
        return self

    def mkdir(self, parents: bool = False, exist_ok: bool = False) -> None:
        """Do nothing: a folder is there with its first object."""

    def is_dir(self) -> bool:
        """Whether any object is in it. Raises GalleryError when that cannot be found out."""
        return next(self.files(), None) is not None

    def exists(self) -> bool:
        """The same as is_dir."""
        return self.is_dir()

    def iterdir(self) -> Iterator[RemoteFolder]:
        """What is directly in it, objects and folders. Raises GalleryError."""
        with reading(self):
            found = _obstore().list_with_delimiter(_bucket(self), f"{_key(self)}/".lstrip("/"))
        paths = [*found["common_prefixes"], *(each["path"] for each in found["objects"])]
        return iter([self / path.rstrip("/").rpartition("/")[2] for path in paths])

    def files(self) -> Iterator[tuple[str, int]]:
        """The objects in it and in all folders below: names relative to it, with sizes. Raises GalleryError."""
        return ((name, size) for name, size, _ in self.objects())

    def objects(self) -> Iterator[tuple[str, int, int]]:
        """The same, with the time of each one's last change in nanoseconds."""
        prefix = f"{_key(self)}/".lstrip("/")
        with reading(self):
            for some in _obstore().list(_bucket(self), prefix):
                yield from ((each["path"].removeprefix(prefix), *_size_and_time(each)) for each in some)

    def status(self) -> tuple[int, int]:
        """Size and time of the object at this address. Raises GalleryError, FileNotFoundError when there is none."""
        with reading(self):
            return _size_and_time(_obstore().head(_bucket(self), _key(self)))

    def read_bytes(self) -> bytes:
        """The content of the object at this address. Raises GalleryError, FileNotFoundError when there is none."""
        with reading(self):
            return bytes(_obstore().get(_bucket(self), _key(self)).bytes())

    def read_range(self, start: int, length: int) -> bytes:
        """That part of the object at this address, or as much of it as there is. Raises as read_bytes does."""
        with reading(self):
            return bytes(_obstore().get_range(_bucket(self), _key(self), start=start, length=length))

    def write_bytes(self, data: bytes | Path) -> None:
        """Make or replace the object at this address, of bytes or of a file's content. Raises GalleryError."""
        with writing(self.parent):
            _obstore().put(_bucket(self), _key(self), data)

    def create(self, data: bytes) -> bool:
        """Make the object at this address; False when it is there already. Raises GalleryError."""
        with writing(self.parent):
            try:
                _obstore().put(_bucket(self), _key(self), data, mode="create")
            except _obstore().exceptions.AlreadyExistsError:
                return False
            return True

    def unlink(self) -> None:
        """Delete the object at this address. Raises GalleryError."""
        with deleting(self.parent):
            _obstore().delete(_bucket(self), [_key(self)])


Location = Path | RemoteFolder


def locate(named: str | os.PathLike[str]) -> Location:
    """The location that a user named: s3://, gs:// and az:// are object storage, everything else is a path.

    Raises UsageError for another kind of address, and for one without a bucket.
    """
    text = os.fspath(named)
    match = _ADDRESS.fullmatch(text)
    if match is None or (match["scheme"].lower() not in SCHEMES and "://" not in text):
        return Path(named)
    scheme = match["scheme"].lower()  # a Path has made one slash of two
    if scheme not in SCHEMES:
        raise UsageError(f"{text!r} is no place for a gallery: name a folder, or an address in {_named(SCHEMES)}")
    if match["rest"] is None:
        raise UsageError(f"{text!r} names no bucket: write {scheme}://BUCKET/FOLDER")
    return RemoteFolder(f"{scheme}://{match['rest'].rstrip('/')}")


def absolute(named: str | os.PathLike[str]) -> str:
    """The text of a path from the root on, or of an address."""
    place = locate(named)
    return str(place) if isinstance(place, RemoteFolder) else os.path.abspath(named)


def table_folders(place: Location) -> list[Location]:
    """The folders of Lance tables that are there: one, or more while a reembed is under way or was cut short."""
    if not isinstance(place, RemoteFolder) and not place.is_dir():
        return []
    named = (entry for entry in place.iterdir() if entry.name.startswith(LANCE) and not entry.name.endswith(".part"))
    return sorted(entry for entry in named if entry.is_dir())


def files_in(place: Location) -> Iterator[tuple[str, int]]:
    """The files in a folder and below, by their names relative to it, with their sizes in bytes."""
    if isinstance(place, RemoteFolder):
        yield from place.files()
        return
    for file in place.rglob("*"):
        try:
            if file.is_file():
                yield file.relative_to(place).as_posix(), file.stat().st_size
        except FileNotFoundError:  # another process deleted it
            continue


def size_of(place: Location) -> int:
    """The bytes of all files in a folder and below."""
    return sum(size for _, size in files_in(place))


def remove_tree(place: Location, *, ignore_errors: bool = False) -> None:
    """Delete a folder with all that is in it; on object storage nothing is left where nothing was."""
    if not isinstance(place, RemoteFolder):
        shutil.rmtree(place, ignore_errors=ignore_errors)
        return
    names = [f"{_key(place)}/{name}".lstrip("/") for name, _ in place.files()]
    with deleting(place):
        for start in range(0, len(names), 1000):
            _obstore().delete(_bucket(place), names[start : start + 1000])


def move(source: Location, target: Location) -> None:
    """Give a folder or a file another name; on object storage by copying, then deleting."""
    if not (isinstance(source, RemoteFolder) and isinstance(target, RemoteFolder)):
        shutil.move(source, target)
        return
    names = [f"/{name}" for name, _ in source.files()]
    with writing(target):
        for name in names or [""]:
            _obstore().copy(_bucket(source), f"{_key(source)}{name}", f"{_key(target)}{name}")
    if names:
        remove_tree(source)
    else:
        source.unlink()


def free_bytes(place: Location) -> int | None:
    """How many bytes more can be written; None on object storage, which has no bound."""
    return None if isinstance(place, RemoteFolder) else shutil.disk_usage(place).free


def on_this_machine(place: Location) -> Path:
    """The folder for what this machine alone keeps of a gallery: its own one, for object storage one in the cache."""
    if not isinstance(place, RemoteFolder):
        return place
    return user_cache_path("cvsi-db") / "galleries" / hashlib.sha256(place.encode()).hexdigest()[:16]


@contextmanager
def reading(place: RemoteFolder) -> Iterator[None]:
    """Errors of object storage in the block become GalleryErrors that say what lacks, except FileNotFoundError."""
    with _errors(place, "read", "list and read objects", "s3:ListBucket and s3:GetObject"):
        yield


@contextmanager
def writing(place: RemoteFolder) -> Iterator[None]:
    """The same, for what writes."""
    with _errors(place, "write to", "write objects", "s3:PutObject"):
        yield


@contextmanager
def deleting(place: RemoteFolder) -> Iterator[None]:
    """The same, for what deletes."""
    with _errors(place, "write to", "delete objects", "s3:DeleteObject"):
        yield


@contextmanager
def _errors(place: RemoteFolder, act: str, what: str, permission: str) -> Iterator[None]:
    base = _obstore().exceptions.BaseError
    try:
        yield
    except (base, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        if _is_denied(str(error)):
            raise GalleryError(f"cannot {act} {str(place)!r}: {_denied(place, what, permission)}") from error
        raise GalleryError(f"cannot {act} {str(place)!r}: {reason_in(str(error))}") from error


def trouble(place: Location, error: Exception, *, writes: bool = False) -> str | None:
    """What object storage refused or could not do, if that is what an error of LanceDB says; else None."""
    text = str(error)
    if not isinstance(place, RemoteFolder):
        return None
    if not _is_denied(text):
        return reason_in(text) if _NO_ANSWER in text or "<Code>" in text else None
    if not writes:
        return _denied(place, "list and read objects", "s3:ListBucket and s3:GetObject")
    deletes = "DELETE" in text or "?delete" in text
    return _denied(place, *(("delete objects", "s3:DeleteObject") if deletes else ("write objects", "s3:PutObject")))


def _is_denied(text: str) -> bool:
    # In words where an object was asked for, by the status where a list was.
    said = "lacked the necessary privileges", "lacked valid authentication", "status code: 401", "status code: 403"
    return any(each in text for each in said)


def _denied(place: str, what: str, permission: str) -> str:
    """What credentials lack, in words; `permission` is Amazon's name for it."""
    return f"the credentials may not {what}" + (f" ({permission})" if place.startswith("s3:") else "")


def reason_in(text: str) -> str:
    """What object storage answered, in one line, out of the long text of an error."""
    if told := re.search(r"<Code>(.*?)</Code>(?:\s*<Message>(.*?)</Message>)?", text, re.DOTALL):
        return f"{told[1]}: {told[2]}" if told[2] else told[1]
    if "Account must be specified" in text:
        return "set AZURE_STORAGE_ACCOUNT_NAME"
    if "169.254.169.254" in text:  # where a machine asks who it is
        return "no credentials in the environment, and this machine has no role of its own: docs/storage.md names them"
    if _NO_ANSWER in text and (address := re.search(r"https?://[^/\s)]+", text)):
        return f"no answer from {address[0]}"
    return " ".join(text.split("Debug source:")[0].split())[:300]


def _obstore() -> Any:
    """The package obstore. Raises GalleryError without it."""
    try:
        import obstore
    except ImportError:
        raise GalleryError("object storage needs the package obstore: pip install 'cvsi-db[cloud]'") from None
    return obstore


def _size_and_time(described: Any) -> tuple[int, int]:
    return described["size"], int(described["last_modified"].timestamp() * 1000) * 1_000_000


def _key(place: str) -> str:
    """The name of an object or a folder in its bucket."""
    return place.partition("://")[2].partition("/")[2]


def _bucket(place: str) -> Any:
    """obstore's handle on a bucket, with the settings of the environment."""
    settings = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "GOOGLE_", "AZURE_"))}
    return _opened("/".join(place.split("/")[:3]), tuple(sorted(settings.items())))


@cache
def _opened(bucket: str, settings: tuple[tuple[str, str], ...]) -> Any:
    """The same; kept, since it reads the system's certificates every time."""
    options: dict[str, Any] = {"retry_config": {"max_retries": 5, "retry_timeout": _PATIENCE}}
    if bucket.startswith("s3:") and not {"AWS_ACCESS_KEY_ID", "AWS_SKIP_SIGNATURE"} & dict(settings).keys():
        from obstore.auth.boto3 import Boto3CredentialProvider

        # Profiles, SSO and machine roles, where LanceDB finds them too.
        options["credential_provider"] = Boto3CredentialProvider()
    return _obstore().store.from_url(bucket, **options)


def _named(schemes: tuple[str, ...]) -> str:
    return ", ".join(f"{scheme}://" for scheme in schemes)
