"""Four modalities with known information: the case of chapter 16, data and settings.

Each simulated person has an expression series, genotypes, a few proteins and a picture
of a cell. Four hidden numbers stand behind them: how early a pulse came (expression,
and with a delay the proteins), whether they carry an allele (genotypes), how well
messengers are translated (proteins alone), and the state of the cell (picture).
A *world* says how the label depends on them:

- ``"complementary"``: all four count, each adds its own part to the log odds;
- ``"redundant"``: one number counts, and the numbers behind expression, proteins and
  picture are noisy copies of it;
- ``"one"``: only the timing counts, three modalities say nothing;
- ``"switch"``: an early pulse raises the log odds of carriers and lowers, less
  strongly, those of the others.

Noise and sizes were set on sets with numbers from 900 on; worlds, methods and smallest
differences before the run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from . import simulator as sim

Floats = NDArray[np.float64]

MODALITIES = ("expression", "genotype", "protein", "image")
WORLDS = ("complementary", "redundant", "one", "switch")
N_TRAIN, N_VALIDATION, N_TEST = 300, 100, 500
N_SETS = 20
TIMES = np.arange(0.0, 48.0, 4.0)  # hours
PROTEIN_TIMES = np.array([8.0, 24.0, 40.0])
N_GENES, N_SNPS, BLOCK, IMAGE_SIZE = 4, 10, 5, 16
CAUSAL = 2  # the SNP whose carriers differ, counted from 0
FREQUENCY, LINKAGE = 0.29, 0.7
FIRST_ONSET, LAST_ONSET, WIDTH = 2.0, 26.0, 10.0  # hours
COMMON = 0.8  # how much of each number the redundant modalities share
EXPRESSION_NOISE, PROTEIN_NOISE, PROTEIN_HOLES = 1.2, 0.8, 0.25  # log2, log2, share
TRANSLATION, PHOTONS = 0.8, 12.0  # log2 a standard deviation; of a pixel
STRENGTH = {"complementary": 1.2, "redundant": 2.0, "one": 2.0, "switch": 3.0}
SWITCH = 0.6  # part of the timing's effect that carriers and others have in common

# the rest of what was fixed before the run; scores are AUROCs
DROPOUT, HIDE = 0.3, 0.5  # withheld in training; absent in a test or a training set
DELTA = 0.02
SINGLE = "best single, chosen"
# name, versus, world, kind of claim
COMPARISONS = (
    ("gated", SINGLE, "complementary", "superiority"),
    ("gated", SINGLE, "redundant", "superiority"),
    ("gated", SINGLE, "one", "equivalence"),
    ("gated", SINGLE, "switch", "superiority"),
    ("gated", "late", "complementary", "equivalence"),
    ("gated", "late", "switch", "superiority"),
    ("gated", "early", "switch", "superiority"),
    ("gated", "logistic", "complementary", "superiority"),
    ("gated", "random forest", "switch", "superiority"),
    ("attention", "gated", "complementary", "superiority"),
    ("attention", "gated", "switch", "superiority"),
)
# the same, with half of the modalities absent at test, in the complementary world
ABSENT_COMPARISONS = (
    ("gated, dropout", "gated", "superiority"),
    ("early, dropout", "early", "superiority"),
    ("gated, dropout", "late", "superiority"),
)
# and with half of them absent in training, tested on whole people
TRAINED_KINDS = ("gated", "attention", "late")
TRAINED_COMPARISONS = (
    ("gated, everyone", "gated, complete cases", "superiority"),
    ("late, everyone", "late, complete cases", "superiority"),
    ("late, everyone", "gated, everyone", "superiority"),
)
SETTINGS: dict[str, Any] = {
    "people": [N_TRAIN, N_VALIDATION, N_TEST],
    "n_sets": N_SETS,
    "noise": [EXPRESSION_NOISE, PROTEIN_NOISE, PROTEIN_HOLES, TRANSLATION, PHOTONS],
    "strength": STRENGTH,
    "dropout": DROPOUT,
    "hide": HIDE,
    "delta": DELTA,
    "claims": [
        *(" / ".join(c) for c in COMPARISONS),
        *(f"absent at test: {a} / {b} / {kind}" for a, b, kind in ABSENT_COMPARISONS),
        *(f"absent in training: {' / '.join(c)}" for c in TRAINED_COMPARISONS),
    ],
}


@dataclass(frozen=True, eq=False)
class People:
    """Simulated people, all modalities, and the truth.

    Attributes
    ----------
    inputs
        Modality to array: expression ``(person, time, gene)`` in log2, genotype
        ``(person, snp)`` dosages, protein ``(person, time, protein)`` in log2 with NaN,
        image ``(person, channel, row, column)``.
    y
        ``(person,)`` 0 or 1.
    hidden
        ``(person, 4)`` the number behind each modality, mean 0 and variance 1.
    log_odds
        ``(person,)`` of the label being 1: nobody can predict better.
    """

    inputs: dict[str, NDArray[np.float32]]
    y: NDArray[np.int64]
    hidden: Floats
    log_odds: Floats

    def take(self, rows: Any) -> People:
        """Return some of the people."""
        own = {name: x[rows] for name, x in self.inputs.items()}
        return replace(
            self, inputs=own, y=self.y[rows], hidden=self.hidden[rows],
            log_odds=self.log_odds[rows],
        )  # fmt: skip


def draw_people(n_people: int, world: str, number: int) -> People:
    """Return the people of simulated set ``number`` in a world.

    Raises
    ------
    ValueError
        If there is no such world.
    """
    if world not in WORLDS:
        raise ValueError(f"world must be one of {WORLDS}, got {world!r}")
    seed = 16_000 + 10 * number
    rng = np.random.default_rng([16, number])
    genotypes = _genotypes(n_people, seed)
    carries = sim.dominant(genotypes.dosage[:, CAUSAL])
    share = 1 - (1 - FREQUENCY) ** 2  # of carriers, in the population
    hidden = rng.normal(size=(n_people, 4))
    hidden[:, 1] = (carries - share) / np.sqrt(share * (1 - share))
    shared = rng.normal(size=n_people)
    if world == "redundant":
        own = [0, 2, 3]
        hidden[:, own] *= np.sqrt(1 - COMMON**2)
        hidden[:, own] += COMMON * shared[:, None]
    score = {
        "complementary": hidden.sum(axis=1),
        "redundant": shared,
        "one": hidden[:, 0],
        "switch": hidden[:, 0] * (hidden[:, 1] + SWITCH),
    }[world]
    odds = STRENGTH[world] * score
    y = (rng.random(n_people) < expit(odds)).astype(np.int64)
    levels = _levels(hidden[:, 0], seed)  # (person, time, gene)
    noise = rng.normal(size=levels.shape) * EXPRESSION_NOISE
    # the picture is of a cell whose state follows a gene that nobody measured
    state = sim.cell_state(np.exp(hidden[:, 3:]), np.ones(1))
    cells = sim.cell_images(state, seed=seed + 3, size=IMAGE_SIZE, photons=PHOTONS)
    inputs: dict[str, Any] = {
        "expression": (np.log2(levels + 0.05) + noise).astype(np.float32),
        "genotype": genotypes.dosage.astype(np.float32),
        "protein": _proteins(levels, hidden[:, 2], seed),
        "image": cells.images,
    }
    return People(inputs, y, hidden, odds)


def _genotypes(n_people: int, seed: int) -> sim.Genotypes:
    linkage = sim.block_linkage(N_SNPS, LINKAGE, BLOCK)
    frequency = np.full(N_SNPS, FREQUENCY)
    return sim.draw_genotypes(n_people, frequency, linkage, seed=seed)


def _levels(early: Floats, seed: int) -> Floats:
    """Return expression ``(person, time, gene)``: a pulse runs down a cascade."""
    span = LAST_ONSET - FIRST_ONSET
    onset = FIRST_ONSET + span * (1 - ndtr(early))
    pulses = [
        sim.pulse("signal", 1.0, at=float(at), width=WIDTH, series=[i])
        for i, at in enumerate(onset)
    ]
    network = sim.cascade(N_GENES, decay=0.25)
    made = sim.simulate(
        network, TIMES, len(early), seed=seed + 1, system_size=100.0,
        perturbations=pulses, step=0.5,
    )  # fmt: skip
    return made.expression


def _proteins(levels: Floats, translated: Floats, seed: int) -> NDArray[np.float32]:
    """Return measured proteins in log2, ``(person, time, protein)``, NaN for holes."""
    kinetics = sim.draw_kinetics(N_GENES, seed=1, half_life=10.0)
    made = sim.protein_levels(levels + 0.05, TIMES, kinetics, at=PROTEIN_TIMES)
    made = made * 2.0 ** (TRANSLATION * translated[:, None, None])
    people, genes = [f"p{i}" for i in range(len(made))], list("abcd")[:N_GENES]
    table = sim.measure_proteins(
        made, PROTEIN_TIMES, people, genes, seed=seed + 2, noise=PROTEIN_NOISE,
        missing_values=PROTEIN_HOLES,
    )  # fmt: skip
    values = np.asarray(table.X).reshape(made.shape)
    return np.asarray(np.log2(values), dtype=np.float32)


def rows() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows that train, choose and test, in a set of all people."""
    everyone = np.arange(N_TRAIN + N_VALIDATION + N_TEST)
    train, validation, test = np.split(everyone, [N_TRAIN, N_TRAIN + N_VALIDATION])
    return train, validation, test


def draw_present(n_people: int, hide: float, seed: int) -> NDArray[np.bool_]:
    """Return who has what, ``(person, modality)``: each absent at ``hide``, not all.

    Raises
    ------
    ValueError
        If ``hide`` does not lie from 0 to below 1.
    """
    if not 0 <= hide < 1:
        raise ValueError(f"hide must lie from 0 to below 1, got {hide!r}")
    rng = np.random.default_rng([17, seed])
    present = rng.random((n_people, len(MODALITIES))) >= hide
    while (empty := ~present.any(axis=1)).any():
        present[empty] = rng.random((empty.sum(), len(MODALITIES))) >= hide
    return present
