"""Opens a workspace file in DuckDB; every reason why it cannot be is told in a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from datawatch_lab.core.errors import WorkspaceError

# Never by DuckDB itself: a check-point that fails within a commit would leave open whether that was
# stored. The store does it after commits, see `duck.LONGEST_LOG_BYTES`.
_WAL_LIMIT = "1TB"
_TAKEN = ("changes", "current", "live", "measures", "meta", "metrics")
_MEMORY_SHARE = "50%"  # of the machine; the rest is for columns in flight and for notebooks
_SPILL_LIMIT = "20GB"  # of disk, for sorts and joins that do not fit into memory
# What no query may reach, whatever got it past the gate: files, other databases, extensions, and
# the variables of Python. It cannot be undone while the file is open. What is allowed to be set is
# the memory of one connection's query.
_FENCE = (
    "SET python_enable_replacements = false",
    "SET autoload_known_extensions = false",
    "SET allow_persistent_secrets = false",
    "SET allowed_configs = ['operator_memory_limit']",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


def check_path(path: Path) -> None:
    """Refuse paths that cannot hold a workspace, before anything is made.

    Raises:
        WorkspaceError: the message says what is wrong with it.
    """
    if path.is_dir():
        raise WorkspaceError(
            f"{path} is a folder, not a workspace file.",
            hint=f"Name a file in it, such as {path / 'datawatch.duckdb'}.",
        )
    if path.name.partition(".")[0].lower() in _TAKEN:
        raise WorkspaceError(
            f"{path.name} cannot be the name of a workspace: {path.name.partition('.')[0]} is the "
            "name of a schema in it, and queries could not tell them apart.",
            hint="Choose another name, such as datawatch.duckdb.",
        )
    if not path.parent.is_dir():
        raise WorkspaceError(
            f"{path} cannot be opened: there is no folder {path.parent}.",
            hint=f"Make it first: mkdir -p {path.parent}",
        )
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise WorkspaceError(
            f"{path} cannot be written to.",
            hint=f"A workspace is opened for writing: chmod u+rw {path}, or work on a copy.",
        )


def connect(path: Path, threads: int | None) -> duckdb.DuckDBPyConnection:
    """Open the file; a missing one is made, an empty one counts as missing.

    Args:
        path: of the workspace, checked and locked.
        threads: that one query may use; all cores when None.

    Raises:
        WorkspaceError: it is damaged, of another format, or held by another program.
    """
    if path.exists() and path.stat().st_size == 0:
        path.unlink()
    settings: dict[str, str | bool | int | float | list[str]] = {
        "checkpoint_threshold": _WAL_LIMIT,
        "memory_limit": _MEMORY_SHARE,
        "temp_directory": f"{path}.tmp",
        "max_temp_directory_size": _SPILL_LIMIT,
        "autoinstall_known_extensions": "false",
        "threads": threads or os.cpu_count() or 2,
    }
    try:
        con = duckdb.connect(str(path), config=settings)
        for statement in _FENCE:
            con.execute(statement)
        return con
    except duckdb.Error as error:
        raise _explained(path, error) from error


def _explained(path: Path, error: duckdb.Error) -> WorkspaceError:
    text = str(error)
    if "Conflicting lock" in text:
        return WorkspaceError(
            f"{path} is open in another program that uses DuckDB directly.",
            hint="Close it there (a DuckDB shell, or duckdb.connect), then open again.",
            details={"cause": text},
        )
    if "not a valid DuckDB" in text:
        return WorkspaceError(
            f"{path} is not a workspace: DuckDB does not know its format.",
            hint="Choose another path; this file was left as it is.",
            details={"cause": text},
        )
    return WorkspaceError(
        f"{path} cannot be opened: {text}",
        hint="Check the disk and the rights of the file, or restore a copy.",
        details={"cause": text},
    )
