"""Every error the library raises on purpose.

    CvsiError
    ├── UsageError            what the caller asked for is wrong in itself (exit code 2)
    │   ├── QueryError        reference, edit text, k
    │   ├── RankError         a rank expression or a preset
    │   ├── FilterError       a --where condition
    │   ├── SqlError          a statement that is not one SELECT of the kind it may be
    │   ├── BundleError       an unknown bundle, or a gallery made with another one
    │   └── IngestError       nothing to ingest, no such folder
    ├── ImageError            one image cannot be read; names file, cause and remedy
    ├── ModelError            weights that are missing, unreachable or of the wrong shape
    ├── RewriteError          a rewriter gave no usable answer
    ├── EngineError           workers that cannot be started, or do not see the files
    ├── VerifyError           a verifier gave no usable answer
    └── GalleryError          no gallery, a locked gallery, a damaged gallery
        ├── MigrationError    a gallery from the future, or a migration that failed
        └── ImageGoneError    an image that was found, and deleted before it could be shown

The library raises, only the command line prints and exits. A message is one line: what, where, the remedy.
"""


class CvsiError(Exception):
    """Base of every error raised on purpose.

    `exit_code` is what the command line exits with; `position` which of several queries asked together caused it, from
    0, where that is known.
    """

    exit_code = 1
    position: int | None = None


class UsageError(CvsiError):
    """What was asked for is wrong in itself: running it again cannot help."""

    exit_code = 2


class QueryError(UsageError):
    """A reference that is not an image, an empty edit text, k below 1."""


class RankError(UsageError):
    """A rank expression that is not linear or names an unknown term, or an unknown preset."""


class FilterError(UsageError):
    """A filter that does not parse, or names an unknown column."""


class SqlError(UsageError):
    """A statement that does not parse, or is not one SELECT from compose() or images."""


class BundleError(UsageError):
    """An unknown bundle, or a gallery that was made with another bundle."""


class ImageError(CvsiError):
    """One image cannot be read. `path` names it (or says where the bytes came from), `reason` why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"cannot read {path!r}: {reason}")
        self.path = path
        self.reason = reason


class ModelError(CvsiError):
    """Weights that are missing, unreachable, or do not fit the bundle."""


class RewriteError(CvsiError):
    """A rewriter gave no usable answer."""


class VerifyError(CvsiError):
    """A verifier gave no usable answer."""


class EngineError(CvsiError):
    """Workers of another engine cannot be started, or do not have what they need."""


class GalleryError(CvsiError):
    """There is no gallery here, another process is writing to it, or it is damaged."""


class MigrationError(GalleryError):
    """The gallery was written by a newer version, or a migration failed and was rolled back."""


class ImageGoneError(GalleryError):
    """An image that was found is no longer in the gallery: another process has deleted it."""


class IngestError(UsageError):
    """A path that does not exist, or one that holds no image."""
