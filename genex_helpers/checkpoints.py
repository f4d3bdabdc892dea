"""Checkpoints: what a training run needs to go on, in one file that is safe to open.

A file holds tensors and plain values only, and is opened with ``weights_only=True``:
opening one cannot run code that somebody put into it.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def save_checkpoint(file: str | Path, state: dict[str, Any]) -> None:
    """Write ``state`` to ``file``, whole or not at all.

    What was written is read back before it takes the place of an older file.

    Parameters
    ----------
    state
        Tensors, numbers, words, ``None``, and lists and dicts of them; for instance
        ``{"model": net.state_dict()}``.

    Raises
    ------
    TypeError
        If ``state`` holds anything else.
    """
    file = Path(file)
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        torch.save(state, temporary)
        try:
            torch.load(temporary, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise TypeError(
                "state must hold tensors and plain values only, or it could not be "
                f"opened safely: {_first_line(error)}"
            ) from error
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def load_checkpoint(file: str | Path) -> dict[str, Any]:
    """Return what :func:`save_checkpoint` wrote, its tensors on the CPU.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, or holds objects that only running code could restore.
    """
    file = Path(file)
    if not file.is_file():
        raise FileNotFoundError(f"there is no checkpoint {file}")
    if not zipfile.is_zipfile(file):  # what torch.save writes is a zip archive
        raise ValueError(f"{file} is damaged or no checkpoint")
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{file.name} holds more than tensors and plain values, which only running "
            "code could restore, so it was not opened"
        ) from error
    except (RuntimeError, EOFError, KeyError) as error:
        raise ValueError(f"{file} is damaged: {_first_line(error)}") from error
    if not isinstance(state, dict):
        raise ValueError(f"{file} must hold a dict, got {type(state).__name__}")
    return state


def fingerprint(tensors: Iterable[Tensor | None]) -> str:
    """Return the sha256 of shapes, dtypes and values, to know data again."""
    digest = hashlib.sha256()
    for tensor in tensors:
        if tensor is None:
            digest.update(b"none")
            continue
        digest.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def check_same_run(
    file: str | Path, stored: dict[str, Any], now: dict[str, Any]
) -> None:
    """Refuse to go on with a run whose settings or data were others.

    Raises
    ------
    ValueError
        Names the first setting that differs.
    """
    for name, value in now.items():
        if stored.get(name) != value:
            raise ValueError(
                f"the checkpoint {file} was made with {name}={stored.get(name)!r}, now "
                f"it is {value!r}: name another file, or delete this one"
            )


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
