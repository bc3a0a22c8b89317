"""Frozen records handed from stage to stage; this package imports nothing of ours but the errors, nor torch or LanceDB.

Arrays are numpy float32 between stages; what a stage does inside (torch, devices, float16) is its own affair. A module
for each family: `names`, `ingest`, `models`, `search`; whoever needs one imports it from here.
"""

from cvsi_db.records.ingest import (
    CaptionRow,
    FoundFile,
    ImageRow,
    IngestFailure,
    IngestProgress,
    IngestSummary,
    Metadata,
    Picture,
)
from cvsi_db.records.models import PseudoText, Question, Rewrite, ShownHit, Usage
from cvsi_db.records.names import (
    EXAMPLE_TERMS,
    LATE_TERMS,
    METHOD_TERMS,
    TERM_NAMES,
    URL,
    BranchName,
    ColumnName,
    FloatArray,
    Reference,
    StoredImage,
    TermName,
    Weights,
)
from cvsi_db.records.query import (
    Branch,
    CheckedQuery,
    Column,
    CompiledQuery,
    ComposedQuery,
    LogicalQuery,
    Preset,
    Term,
)

__all__ = [
    "EXAMPLE_TERMS",
    "LATE_TERMS",
    "METHOD_TERMS",
    "TERM_NAMES",
    "URL",
    "Branch",
    "BranchName",
    "CaptionRow",
    "CheckedQuery",
    "Column",
    "ColumnName",
    "CompiledQuery",
    "ComposedQuery",
    "FloatArray",
    "FoundFile",
    "ImageRow",
    "IngestFailure",
    "IngestProgress",
    "IngestSummary",
    "LogicalQuery",
    "Metadata",
    "Picture",
    "Preset",
    "PseudoText",
    "Question",
    "Reference",
    "Rewrite",
    "ShownHit",
    "StoredImage",
    "Term",
    "TermName",
    "Usage",
    "Weights",
]
