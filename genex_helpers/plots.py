"""One palette and one figure style for every chapter.

The colours have a contrast of at least 3 to 1 on white and on the dark page, and
differ for the common kinds of colour blindness. They are alike in grey, so lines also
differ in style, and text stands beside what it names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE = "#0072B2"
VERMILLION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#B55A93"
GREY = "#71767D"
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, GREY)
LINE_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))

OUTCOME_STYLE: dict[bool, dict[str, Any]] = {
    True: {"color": VERMILLION, "linestyle": "-", "marker": "o"},
    False: {"color": BLUE, "linestyle": "--", "marker": "s"},
}
"""How symptomatic (``True``) and asymptomatic subjects are drawn in every chapter."""


def use_book_style() -> None:
    """Set matplotlib's defaults: size, fonts, colours that suit light and dark pages.

    Figures have a transparent ground, and everything that is not data is mid-grey, so
    one picture serves both colour modes of the book.
    """
    import matplotlib as mpl
    from cycler import cycler

    mpl.rcParams.update(
        {
            "figure.figsize": (6.0, 3.6),
            "figure.dpi": 110,
            "figure.constrained_layout.use": True,
            "figure.facecolor": "none",
            "savefig.facecolor": "none",
            "savefig.transparent": True,
            "axes.facecolor": "none",
            "axes.edgecolor": GREY,
            "axes.labelcolor": GREY,
            "axes.titlecolor": GREY,
            "axes.titlesize": 12,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": False,
            "axes.prop_cycle": cycler(color=PALETTE) + cycler(linestyle=LINE_STYLES),
            "text.color": GREY,
            "xtick.color": GREY,
            "ytick.color": GREY,
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "lines.markersize": 4,
            "image.cmap": "cividis",
            "font.size": 11.5,
        }
    )


def label_axes(ax: Axes, x: str, y: str, title: str = "") -> None:
    """Name both axes, units included, and give the figure its one message."""
    ax.set(xlabel=x, ylabel=y)
    if title:
        ax.set_title(title, loc="left")


def plot_courses(
    ax: Axes,
    times: ArrayLike,
    values: ArrayLike,
    labels: ArrayLike,
    names: tuple[str, str] = ("asymptomatic", "symptomatic"),
) -> None:
    """Draw one thin line a subject and one thick mean a group, named at its end.

    Parameters
    ----------
    times
        ``(time,)``.
    values
        ``(batch, time)``; NaN leaves a gap.
    labels
        ``(batch,)``, 0 or 1, in the order of ``names``.
    """
    times, values = np.asarray(times, dtype=float), np.asarray(values, dtype=float)
    labels = np.asarray(labels)
    if values.shape != (len(labels), len(times)):
        raise ValueError(
            f"values must be (batch, time) = ({len(labels)}, {len(times)}), "
            f"got {values.shape}"
        )
    for group in (0, 1):
        look = OUTCOME_STYLE[bool(group)]
        rows = values[labels == group]
        for row in rows:
            ax.plot(times, row, color=look["color"], lw=0.8, alpha=0.7, ls="-")
        mean = np.nanmean(rows, axis=0)
        ax.plot(times, mean, lw=2.4, **look)
        ax.annotate(
            names[group],
            (times[-1], mean[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            color=look["color"],
            va="center",
        )


def plot_intervals(
    ax: Axes,
    names: list[str],
    intervals: list[Any],
    chance: float | None = None,
    colours: dict[str, str] | None = None,
) -> None:
    """Draw one horizontal interval a row, its estimate written beside it.

    ``intervals`` are :class:`genex_helpers.evaluation.Interval`; ``colours`` gives
    those of some rows; the others are grey, as baselines are in every chapter.
    """
    if len(names) != len(intervals):
        raise ValueError(f"{len(names)} names, but {len(intervals)} intervals")
    for row, (name, item) in enumerate(zip(names, intervals, strict=True)):
        colour = (colours or {}).get(name, GREY)
        ax.plot([item.low, item.high], [row, row], color=colour, ls="-", lw=2)
        ax.plot(item.value, row, "o", color=colour, ms=6)
        ax.annotate(
            f"{item.value:.2f}",
            (item.value, row),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=9,
        )
    if chance is not None:
        ax.axvline(chance, color=GREY, ls=":", lw=1.2)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.6)
