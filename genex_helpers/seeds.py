"""The one place where random numbers begin."""

from __future__ import annotations

import os
import random

import numpy as np


def seed_everything(seed: int) -> np.random.Generator:
    """Seed Python, NumPy and (if it is installed) PyTorch; return a NumPy generator.

    The same seed gives the same results twice on one machine.
    On a GPU, cuBLAS needs ``CUBLAS_WORKSPACE_CONFIG`` before CUDA starts, so it is
    set here, and cuDNN is told to use deterministic algorithms.

    Raises
    ------
    ValueError
        If ``seed`` is not a whole number from 0 to 2**32 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise ValueError(f"seed must be a whole number, got {seed!r}")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must lie from 0 to 2**32 - 1, got {seed}")
    random.seed(int(seed))
    np.random.seed(int(seed))  # noqa: NPY002  (libraries still read the global state)
    try:
        import torch
    except ImportError:
        return np.random.default_rng(seed)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.manual_seed(int(seed))
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    return np.random.default_rng(seed)
