"""Is this sample what its label says, and can it be believed?

The rules are fixed before the data are seen, and they *name* samples: nothing here
drops one. A sample that stands out may be poor, or it may be the finding.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

OUTLIER_LIMIT = 3.5
"""Robust scores above this stand out (Iglewicz and Hoaglin's rule of thumb)."""

# A normal distribution has this many standard deviations in one MAD.
MAD_OF_NORMAL = 0.6745


def correlation_with_own_median(
    values: ArrayLike, subjects: ArrayLike
) -> NDArray[np.float64]:
    """Return how well each sample agrees with the other samples of its own subject.

    Each sample is correlated over genes with the median profile of the *other* samples
    of its subject, so that no sample vouches for itself.

    Parameters
    ----------
    values
        ``(sample, gene)``, on a logarithmic scale and without missing values.
    subjects
        ``(sample,)`` names.

    Returns
    -------
    numpy.ndarray
        ``(sample,)`` Pearson correlations.

    Raises
    ------
    ValueError
        If a value is not finite, a sample is constant, or a subject has fewer than
        three samples: of two, neither can say which one is poor.
    """
    table = _finite_table(values)
    names = _one_per_sample(subjects, "subjects", len(table))
    found = np.empty(len(table))
    for name in np.unique(names):
        rows = np.flatnonzero(names == name)
        if len(rows) < 3:
            raise ValueError(
                f"subject {name!s} has {len(rows)} samples; expected three or more"
            )
        for row in rows:
            others = np.median(table[rows[rows != row]], axis=0)  # (gene,)
            found[row] = _correlation(table[row], others, row)
    return found


def robust_scores(values: ArrayLike) -> NDArray[np.float64]:
    """Return each value's distance from the median, in robust standard deviations.

    ``0.6745 (x - median) / MAD``, where MAD is the median absolute deviation: a few
    wild values move neither, as they would a mean and a standard deviation
    (Leys et al. 2013, doi:10.1016/j.jesp.2013.03.013).

    Parameters
    ----------
    values
        ``(sample,)``.

    Raises
    ------
    ValueError
        If a value is not finite, or more than half are equal, so that the MAD is zero.
    """
    x = np.asarray(values, dtype=float)
    if x.ndim != 1 or not len(x) or not np.isfinite(x).all():
        raise ValueError(
            f"values must be one finite number a sample, got shape {x.shape} with "
            f"{int((~np.isfinite(x)).sum())} not finite"
        )
    deviation = x - np.median(x)
    mad = float(np.median(np.abs(deviation)))
    if mad == 0:
        raise ValueError("values are equal in half of the samples: their MAD is zero")
    scores: NDArray[np.float64] = MAD_OF_NORMAL * deviation / mad
    return scores


def poor_agreement(
    values: ArrayLike, subjects: ArrayLike, limit: float = OUTLIER_LIMIT
) -> NDArray[np.bool_]:
    """Return which samples agree with their own subject so badly that they stand out.

    The robust score of ``1 - correlation`` (see :func:`correlation_with_own_median`)
    must exceed ``limit``. The samples are named, not judged: a strong response stands
    out as well.
    """
    distance = 1 - correlation_with_own_median(values, subjects)
    flagged: NDArray[np.bool_] = robust_scores(distance) > limit
    return flagged


def check_sex(y_expression: ArrayLike, sex: ArrayLike) -> NDArray[np.str_]:
    """Compare the stated sex of each sample with a gene of the Y chromosome.

    Parameters
    ----------
    y_expression
        ``(sample,)`` expression of a Y-linked gene, or the mean of several, on a
        logarithmic scale.
    sex
        ``(sample,)``, ``"female"`` or ``"male"`` as the metadata state it.

    Returns
    -------
    numpy.ndarray
        ``(sample,)``: ``"disagrees"`` on the far side of the midpoint between the two
        medians; ``"unclear"`` on the right side, but standing out from the own group
        *towards* the other one (robust score above 3.5); else ``"agrees"``.

    Raises
    ------
    ValueError
        If ``sex`` holds something else, one sex is missing, or the medians of the two
        are not in the expected order: then this gene cannot tell them apart.
    """
    level = np.asarray(y_expression, dtype=float)
    stated = _one_per_sample(sex, "sex", len(level))
    unknown = sorted(set(stated.tolist()) - {"female", "male"})
    if unknown or len(set(stated.tolist())) < 2:
        raise ValueError(
            f"sex must hold 'female' and 'male', got {sorted(set(stated.tolist()))}"
        )
    middle = {name: float(np.median(level[stated == name])) for name in set(stated)}
    if not middle["male"] > middle["female"]:
        raise ValueError(
            "y_expression must be higher in men: the medians are "
            f"{middle['male']:.3g} (male) and {middle['female']:.3g} (female)"
        )
    threshold = (middle["male"] + middle["female"]) / 2
    verdicts = np.full(len(level), "agrees", dtype="<U9")
    for name, towards in (("female", 1.0), ("male", -1.0)):
        own = stated == name
        score = np.zeros(len(level))
        score[own] = towards * robust_scores(level[own])
        verdicts[own & (score > OUTLIER_LIMIT)] = "unclear"
        verdicts[own & (towards * (level - threshold) > 0)] = "disagrees"
    return verdicts


def detection_floor(absent: ArrayLike, limit: float = OUTLIER_LIMIT) -> float:
    """Return the level up to which an array shows RNA that is not there.

    Parameters
    ----------
    absent
        Values of genes in samples that cannot express them, such as a Y-linked gene in
        women, on a logarithmic scale.
    limit
        How many robust standard deviations above their median the floor is drawn.
    """
    x = np.asarray(absent, dtype=float).ravel()
    robust_scores(x)  # refuses what has no spread
    mad = np.median(np.abs(x - np.median(x)))
    return float(np.median(x) + limit * mad / MAD_OF_NORMAL)


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64], row: int) -> float:
    x, y = x - x.mean(), y - y.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    if size == 0:
        raise ValueError(f"sample {row} or the others of its subject are constant")
    return float(x @ y) / size


def _finite_table(values: ArrayLike) -> NDArray[np.float64]:
    table = np.asarray(values, dtype=float)
    if table.ndim != 2:
        raise ValueError(f"values must be (sample, gene), got shape {table.shape}")
    if not np.isfinite(table).all():
        rows = np.flatnonzero(~np.isfinite(table).all(axis=1))[:5].tolist()
        raise ValueError(f"values must be finite; not so in samples {rows}")
    return table


def _one_per_sample(names: ArrayLike, what: str, n_samples: int) -> NDArray[np.str_]:
    found = np.asarray(names).astype(str)
    if found.shape != (n_samples,):
        raise ValueError(
            f"{what} must hold one name a sample, ({n_samples},); got {found.shape}"
        )
    return found
