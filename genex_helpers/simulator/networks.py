"""Regulatory networks: which gene or input acts on which, how strongly, how late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from genex_helpers.simulator.arguments import count, generators, number

EDGE_COLUMNS = ("source", "target", "sign", "threshold", "hill", "delay")
LOGICS = ("mean", "and", "or", "linear")


@dataclass(frozen=True, eq=False)
class Network:
    """A regulatory network with its kinetic constants.

    Gene g is made at the rate ``basal + max_rate * f`` and decays at the rate
    ``decay * x``, where f is what its regulators allow, from 0 to 1. A regulator at
    level x, seen ``delay`` later, contributes ``h = x**n / (K**n + x**n)`` if it
    activates and ``1 - h`` if it represses (K ``threshold``, n ``hill``). ``logic``
    says how the contributions to one gene combine:

    - ``"mean"``: their mean (the regulators act independently of one another);
    - ``"and"``: their product;
    - ``"or"``: ``1 - product(1 - contribution)``;
    - ``"linear"``: the sum of ``x / K`` instead, without saturation: for examples with
      a closed solution, and for translation (a protein from its own mRNA).

    A gene without regulators has f = 1.

    Parameters
    ----------
    genes
        Names of what is simulated.
    edges
        One row an edge: ``source`` (gene or input), ``target`` (gene), ``sign`` (+1 or
        -1), ``threshold`` (> 0, in the source's units), ``hill`` (> 0), ``delay``
        (>= 0, in units of time).
    basal, max_rate, decay
        ``(gene,)`` or one number for all; expression per time, decay per time.
    inputs
        Names of what is given from outside: a drug, the temperature.
    logic
        ``(gene,)`` or one word for all.
    time_unit
        In which ``decay`` and ``delay`` are expressed.

    Raises
    ------
    ValueError
        If a name occurs twice, a constant is out of range, or an edge is not possible;
        the message names the gene or the edge.
    """

    genes: tuple[str, ...]
    edges: pd.DataFrame
    basal: NDArray[np.float64]
    max_rate: NDArray[np.float64]
    decay: NDArray[np.float64]
    inputs: tuple[str, ...] = ()
    logic: tuple[str, ...] = ("mean",)
    time_unit: str = "hours"

    def __post_init__(self) -> None:
        genes, inputs = tuple(self.genes), tuple(self.inputs)
        if not genes:
            raise ValueError("genes is empty; expected at least one name")
        repeated = pd.Series(genes + inputs)
        repeated = repeated[repeated.duplicated()]
        if len(repeated):
            raise ValueError(f"a name occurs twice in genes and inputs: {[*repeated]}")
        constants = {
            name: _per_gene(name, getattr(self, name), genes)
            for name in ("basal", "max_rate", "decay")
        }
        if (constants["decay"] == 0).any():
            gene = genes[int(np.argmin(constants["decay"]))]
            raise ValueError(f"decay of gene {gene!r} is 0; expected more than 0")
        logic = _logic(self.logic, genes)
        edges = _checked_edges(self.edges, genes, inputs, logic)
        parts = dict(genes=genes, inputs=inputs, logic=logic, edges=edges, **constants)
        for name, part in parts.items():
            object.__setattr__(self, name, part)

    @property
    def n_genes(self) -> int:
        """Number of simulated genes."""
        return len(self.genes)

    def index(self, gene: str) -> int:
        """Return the position of ``gene``; an unknown name is a ValueError."""
        return _position("gene", gene, self.genes)

    def input_index(self, name: str) -> int:
        """Return the position of an input; an unknown name is a ValueError."""
        return _position("input", name, self.inputs)


def cascade(
    n_genes: int = 3,
    *,
    linear: bool = True,
    decay: ArrayLike = 1.0,
    threshold: float = 1.0,
    hill: float = 2.0,
    delay: float = 0.0,
) -> Network:
    """Return ``signal → g1 → g2 → …``, each step an activation.

    Each gene's ``max_rate`` is its decay, so a linear cascade with threshold 1 settles
    at the level of the signal. A linear cascade with different decays has a closed
    solution: a sum of exponentials.

    Parameters
    ----------
    n_genes
        Length of the cascade.
    linear
        Whether a gene follows its regulator in proportion; else a Hill function.
    decay
        ``(gene,)`` or one number.
    threshold, hill, delay
        The same for each edge; ``hill`` is not used by a linear cascade.
    """
    if n_genes < 1:
        raise ValueError(f"n_genes must be at least 1, got {n_genes}")
    genes = tuple(f"g{i + 1}" for i in range(n_genes))
    decays = np.broadcast_to(np.asarray(decay, dtype=float), n_genes)
    order = 1.0 if linear else hill
    chain = ("signal", *genes)
    rows = [(chain[i], g, 1, threshold, order, delay) for i, g in enumerate(genes)]
    logic = ("linear",) if linear else ("mean",)
    return Network(
        genes, edge_table(rows), np.zeros(n_genes), decays, decays, ("signal",), logic
    )


def oscillator(
    *,
    max_rate: float = 216.0,
    basal: float = 0.216,
    hill: float = 2.0,
    protein_decay: float = 0.2,
) -> Network:
    """Return the repressilator: three genes, each represses the next in a ring.

    Elowitz and Leibler 2000 (doi:10.1038/35002125): six species, an mRNA and a protein
    for each gene. Time is in mRNA lifetimes, proteins in units of the threshold,
    ``protein_decay`` is their β, the ratio of protein to mRNA decay. From equal levels
    the three genes stay equal (an unstable state): begin at different ones.
    """
    names = ("lacI", "tetR", "cI")
    genes = (*names, *(f"{name}_protein" for name in names))
    ring = zip(genes[3:], (names[1], names[2], names[0]), strict=True)
    rows = [(protein, gene, -1, 1.0, hill, 0.0) for protein, gene in ring]
    rows += [(name, f"{name}_protein", 1, 1.0, 1.0, 0.0) for name in names]
    return Network(
        genes,
        edge_table(rows),
        basal=np.repeat([basal, 0.0], 3),
        max_rate=np.repeat([max_rate, protein_decay], 3),
        decay=np.repeat([1.0, protein_decay], 3),
        logic=("mean",) * 3 + ("linear",) * 3,
        time_unit="mRNA lifetimes",
    )


def toggle_switch(*, max_rate: float = 10.0, hill: float = 2.0) -> Network:
    """Return two genes that repress each other, so that either can stay on.

    Gardner, Cantor and Collins 2000 (doi:10.1038/35002131), in their dimensionless
    form. The inputs ``push_a`` and ``push_b`` make a gene in spite of its repressor,
    so a pulse of one flips the switch; at 0 they change nothing.
    """
    rows = [
        ("b", "a", -1, 1.0, hill, 0.0),
        ("a", "b", -1, 1.0, hill, 0.0),
        ("push_a", "a", 1, 0.5, 4.0, 0.0),
        ("push_b", "b", 1, 0.5, 4.0, 0.0),
    ]
    inputs = ("push_a", "push_b")
    rates = np.full(2, max_rate)
    return Network(
        ("a", "b"), edge_table(rows), np.zeros(2), rates, np.ones(2), inputs, ("or",)
    )


def feed_forward_loop(
    *, coherent: bool = True, threshold: float = 0.5, hill: float = 4.0
) -> Network:
    """Return ``x → y``, ``x → z`` and y on z, where z needs both ("and").

    Mangan and Alon 2003 (doi:10.1073/pnas.2133841100), type 1. Coherent (y activates
    z): z waits for y when x comes, and stops at once when x goes. Incoherent (y
    represses z): z answers with a pulse. x is an input, 0 or 1.
    """
    rows = [
        ("x", "y", 1, threshold, hill, 0.0),
        ("x", "z", 1, threshold, hill, 0.0),
        ("y", "z", 1 if coherent else -1, threshold, hill, 0.0),
    ]
    ones = np.ones(2)
    return Network(
        ("y", "z"), edge_table(rows), np.zeros(2), ones, ones, ("x",), ("and",)
    )


def random_network(
    n_genes: int,
    density: float,
    seed: int,
    *,
    inputs: Sequence[str] = (),
    input_share: float = 0.2,
    activating: float = 0.6,
    max_delay: float = 0.0,
    scale_spread: float = 1.5,
) -> Network:
    """Return a network whose edges are drawn at random, the same for the same seed.

    Half-lives are log-uniform from 3 to 27 hours, around the median of 9 hours that
    Schwanhäusser et al. 2011 (doi:10.1038/nature10098) report for mouse fibroblasts.
    A gene's highest level is log-normal around 1; its basal level is 5 % of it, and
    thresholds are 20 to 60 % of the source's highest level, so that edges act. Hill
    coefficients are 2, 3 or 4.

    Parameters
    ----------
    n_genes
        Named ``gene000``, ``gene001``, …
    density
        Edges between genes as a share of the ``n_genes * (n_genes - 1)`` ordered pairs,
        rounded to a whole number of edges; no gene regulates itself.
    seed
        Whole number from 0.
    inputs
        Names of inputs; each acts, activating with threshold 0.5, on
        ``input_share`` of the genes (one at least). Their levels go from 0 to 1.
    activating
        Share of edges between genes that are expected to activate.
    max_delay
        Delays of edges are uniform from 0 to this many hours.
    scale_spread
        Standard deviation of the natural logarithm of the genes' highest levels.
    """
    count("n_genes", n_genes)
    number("density", density, 0.0, 1.0)
    number("input_share", input_share, 0.0, 1.0)
    number("activating", activating, 0.0, 1.0)
    number("max_delay", max_delay, 0.0)
    number("scale_spread", scale_spread, 0.0)
    rng = generators(seed, 1)[0]
    digits = max(3, len(str(n_genes - 1)))
    genes = tuple(f"gene{i:0{digits}d}" for i in range(n_genes))
    highest = np.exp(scale_spread * rng.standard_normal(n_genes))
    half_life = 3.0 * 9.0 ** rng.random(n_genes)
    decay = np.log(2.0) / half_life
    n_pairs = n_genes * (n_genes - 1)
    pairs = np.sort(rng.choice(n_pairs, round(density * n_pairs), replace=False))
    source, other = pairs // max(n_genes - 1, 1), pairs % max(n_genes - 1, 1)
    target = other + (other >= source)  # skips the gene itself
    rows = [
        (
            genes[i],
            genes[j],
            1 if rng.random() < activating else -1,
            highest[i] * rng.uniform(0.2, 0.6),
            float(rng.integers(2, 5)),
            max_delay * rng.random(),
        )
        for i, j in zip(source, target, strict=True)
    ]
    for name in inputs:
        chosen = rng.choice(n_genes, max(1, round(input_share * n_genes)), False)
        rows += [(name, genes[j], 1, 0.5, 2.0, 0.0) for j in np.sort(chosen)]
    made = highest * decay
    return Network(
        genes, edge_table(rows), 0.05 * made, 0.95 * made, decay, tuple(inputs)
    )


def edge_table(
    rows: Sequence[tuple[str, str, int, float, float, float]],
) -> pd.DataFrame:
    """Return edges as a table; a row is (source, target, sign, K, n, delay)."""
    return pd.DataFrame(list(rows), columns=list(EDGE_COLUMNS))


def _position(kind: str, name: str, names: tuple[str, ...]) -> int:
    if name not in names:
        shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
        raise ValueError(f"{kind} {name!r} is not in the network, which has: {shown}")
    return names.index(name)


def _per_gene(
    name: str, given: ArrayLike, genes: tuple[str, ...]
) -> NDArray[np.float64]:
    """Return one finite number >= 0 for each gene."""
    numbers = np.asarray(given, dtype=float)
    if numbers.shape not in ((), (len(genes),)):
        raise ValueError(
            f"{name} has shape {numbers.shape}; expected one number, or one for each "
            f"of {len(genes)} genes"
        )
    numbers = np.broadcast_to(numbers, len(genes)).copy()
    bad = ~np.isfinite(numbers) | (numbers < 0)
    if bad.any():
        i = int(np.argmax(bad))
        raise ValueError(
            f"{name} of gene {genes[i]!r} is {numbers[i]}; expected a finite number, "
            "not negative"
        )
    return numbers


def _logic(given: str | Sequence[str], genes: tuple[str, ...]) -> tuple[str, ...]:
    words = (given,) if isinstance(given, str) else tuple(given)
    if len(words) == 1:
        words *= len(genes)
    unknown = sorted(set(words) - set(LOGICS))
    if unknown or len(words) != len(genes):
        raise ValueError(
            f"logic must be one of {', '.join(LOGICS)}, once or for each of "
            f"{len(genes)} genes; got {len(words)} words"
            + (f", among them {unknown}" if unknown else "")
        )
    return words


def _checked_edges(
    given: pd.DataFrame,
    genes: tuple[str, ...],
    inputs: tuple[str, ...],
    logic: tuple[str, ...],
) -> pd.DataFrame:
    """Return the edges with plain types, or name the first that is not possible."""
    lacking = [name for name in EDGE_COLUMNS if name not in given]
    if lacking:
        raise ValueError(f"edges has no column {lacking}; expected {EDGE_COLUMNS}")
    edges = given.loc[:, list(EDGE_COLUMNS)].reset_index(drop=True)
    kinds = dict(sign="int64", threshold="float64", hill="float64", delay="float64")
    linear = {gene for gene, word in zip(genes, logic, strict=True) if word == "linear"}
    rules = {
        "its source is neither a gene nor an input": ~edges["source"].isin(
            genes + inputs
        ),
        "its target is not a gene": ~edges["target"].isin(genes),
        "its sign must be 1 or -1": ~edges["sign"].isin((1, -1)),
        "its threshold must be finite and more than 0": _outside(edges["threshold"], 1),
        "its hill must be finite and more than 0": _outside(edges["hill"], 1),
        "its delay must be finite and not negative": _outside(edges["delay"], 0),
        "linear regulation needs sign 1 and hill 1": edges["target"].isin(linear)
        & ((edges["sign"] != 1) | (edges["hill"] != 1)),
        "the same pair occurs twice": edges.duplicated(["source", "target"]),
    }
    for complaint, bad in rules.items():
        if bad.any():
            row = edges[bad].iloc[0]
            detail = ", ".join(f"{name} {row[name]}" for name in EDGE_COLUMNS[2:])
            raise ValueError(
                f"edge {row['source']} → {row['target']} ({detail}): {complaint}"
            )
    return edges.astype(kinds)


def _outside(column: pd.Series, strict: int) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    low = numbers <= 0 if strict else numbers < 0
    return pd.Series(low | ~np.isfinite(numbers))
