"""Frozen, fine-tuned, from scratch and pooled: chapter 13's comparisons.

Every net is the same small GRU and every net of a target takes the same number of
steps; nothing was tuned. The settings and the comparisons were fixed after small trials
on one simulated set and one fold, before the first full run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from torch.nn.functional import cross_entropy, mse_loss

from .many import fit_many
from .models import RecurrentClassifier
from .training import predict
from .transfer import copy_part, last_states
from .transfer_sets import (
    N_POINTS,
    SCALES,
    STUDIES,
    TARGETS,
    draw_panel,
    draw_pulses,
    source_rows,
    study_folds,
    target_rows,
    yeast_studies,
)
from .yeast import PHASES

HIDDEN_SIZE = 16
LEARNING_RATE = 0.01
GENTLE = 0.1  # of the learning rate
BATCH_SIZE = 64
SOURCE_EPOCHS = 30
N_UPDATES = 200  # steps on a target, whatever its size
HIDDEN_SHARE = 1 / 3  # of the values, in pre-training without labels
COUNTS = (20, 60, 200)  # labelled series of a target
SEEDS = {20: (0, 1, 2, 3), 60: (0, 1, 2, 3)}  # panels and starts; else:
FEW_SEEDS = (0, 1)
N_SETS = 12
N_SOURCE, N_TEST = 1000, 500  # simulated series
DELTA = 0.02  # smallest difference of two accuracies that matters

START = "from scratch"
ARMS = {  # how a trained net is used: part that is kept, factor of the learning rate
    "fine-tuned": ("recurrent", 1.0),
    "fine-tuned, kept head": ("all", 1.0),
    "fine-tuned, gently": ("all", GENTLE),
}
SIM_SOURCES = ("same", "reversed", "other")
SIM_COMPARISONS = (  # labels, better, than; an arm is (source, arm)
    (20, ("same", "frozen"), ("none", START)),
    (20, ("same", "fine-tuned"), ("none", START)),
    (20, ("same", "frozen"), ("same", "fine-tuned")),
    (200, ("same", "fine-tuned"), ("none", START)),
    (20, ("reversed", "frozen"), ("none", START)),
    (20, ("none", START), ("reversed", "fine-tuned, kept head")),
    (200, ("none", START), ("other", "frozen")),
    (60, ("none", START), ("other", "fine-tuned")),
)
YEAST_COMPARISONS = (  # genes (0: all), better, than; an arm is (scale, source, arm)
    (20, ("phase", "labels", "as it is"), ("phase", "none", START)),
    (20, ("phase", "labels", "fine-tuned, gently"), ("phase", "none", START)),
    (0, ("phase", "labels", "fine-tuned, gently"), ("phase", "none", START)),
    (20, ("phase", "labels", "as it is"), ("phase", "pooled", "logistic")),
    (20, ("phase", "masked", "fine-tuned"), ("phase", "none", START)),
    (20, ("phase", "labels", "as it is"), ("array number", "labels", "as it is")),
    (20, ("phase", "leaky", "as it is"), ("phase", "labels", "as it is")),
)  # each for both targets
SETTINGS: dict[str, Any] = {
    "hidden_size": HIDDEN_SIZE,
    "learning_rate": LEARNING_RATE,
    "batch_size": BATCH_SIZE,
    "source_epochs": SOURCE_EPOCHS,
    "n_updates": N_UPDATES,
    "hidden_share": HIDDEN_SHARE,
    "counts": list(COUNTS),
    "seeds": {str(n): list(s) for n, s in SEEDS.items()} | {"else": list(FEW_SEEDS)},
    "n_sets": N_SETS,
    "n_series": [N_SOURCE, N_TEST],
    "arms": {name: list(how) for name, how in ARMS.items()},
    "delta": DELTA,
    "sim_comparisons": [list(map(str, c)) for c in SIM_COMPARISONS],
    "yeast_comparisons": [list(map(str, c)) for c in YEAST_COMPARISONS],
}

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]
Pairs = Sequence[tuple[Floats, NDArray[Any]]]


def new_net(n_inputs: int, n_outputs: int, seed: int) -> RecurrentClassifier:
    """Return an untrained GRU; PyTorch's own generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return RecurrentClassifier(n_inputs, HIDDEN_SIZE, "gru", n_outputs)


def pretrained(
    data: Pairs, n_outputs: int, seeds: Sequence[int], *, restore: bool = False
) -> list[RecurrentClassifier]:
    """Return a net for each pair ``(x, y)`` of a source, trained all together.

    With ``restore``, ``y`` is the whole course ``(series, time)`` and the loss its mean
    squared error; else it is a class.
    """
    nets = [
        new_net(x.shape[2], n_outputs, seed)
        for (x, _), seed in zip(data, seeds, strict=True)
    ]
    fit_many(
        nets,
        [x for x, _ in data],
        [y for _, y in data],
        loss=mse_loss if restore else cross_entropy,
        n_epochs=SOURCE_EPOCHS,
        learning_rate=LEARNING_RATE,
        batch_size=BATCH_SIZE,
        seeds=list(seeds),
    )
    return nets


def masked_task(x: Floats, seed: int) -> tuple[Floats, Floats]:
    """Blank a third of the values, and ask for all of them.

    Returns
    -------
    x
        As given, zero where a value was blanked.
    y
        ``(series, time)``, the courses as they were.
    """
    rng = np.random.default_rng(seed)
    kept = rng.uniform(size=x.shape) >= HIDDEN_SHARE
    return np.where(kept, x, 0).astype(np.float32), x[..., 0]


def begin(arm: str, source: RecurrentClassifier | None, n_outputs: int, seed: int
          ) -> RecurrentClassifier:  # fmt: skip
    """Return the net that an arm begins with; its head is new or the source's."""
    n_inputs = 1 if source is None else source.recurrent.input_size
    net = new_net(n_inputs, n_outputs, seed)
    if source is not None:
        copy_part(net, source.state_dict(), "recurrent")
        if ARMS[arm][0] == "all":
            copy_part(net, source.state_dict(), "head")
    return net


def train_on_target(
    nets: Sequence[RecurrentClassifier],
    data: Pairs,
    rates: Sequence[float],
    seeds: Sequence[int],
) -> None:
    """Train each net on its few series, in place; all take the same number of steps."""
    n_batches = -(-max(len(y) for _, y in data) // BATCH_SIZE)
    fit_many(
        nets,
        [x for x, _ in data],
        [y for _, y in data],
        loss=cross_entropy,
        n_epochs=-(-N_UPDATES // n_batches),
        learning_rate=list(rates),
        batch_size=BATCH_SIZE,
        seeds=list(seeds),
    )


def _rate(arm: str) -> float:
    return LEARNING_RATE * (1.0 if arm == START else ARMS[arm][1])


def answers(net: RecurrentClassifier, x: Floats) -> Labels:
    """Return the likeliest class of each series, ``(series,)``."""
    found: Labels = predict(net, x).argmax(axis=1)
    return found


def linear_head(x: Any, y: Labels) -> LogisticRegression:
    """Return a logistic regression of ``(series, number)``, defaults throughout."""
    return LogisticRegression(max_iter=2000).fit(x, y)


def flat(x: Floats) -> Floats:
    """Return ``(series, time * gene)``."""
    return x.reshape(len(x), -1)


def simulated_scores(sets: Sequence[int]) -> pd.DataFrame:
    """Return the test accuracy of every arm on every simulated set.

    The target asks which gene rises first. The sources asked the same, the same with
    the answers' names exchanged, or which gene rises higher.

    Returns
    -------
    pandas.DataFrame
        ``set``, ``n`` (labelled series of the target), ``source`` (``"none"``, or one
        of ``SIM_SOURCES``), ``arm``, ``accuracy``.
    """
    drawn = {s: [draw_pulses(n, 3 * s + k) for k, n in
                 enumerate((N_SOURCE, max(COUNTS), N_TEST))] for s in sets}  # fmt: skip
    keys = [(s, source) for s in sets for source in SIM_SOURCES]
    data = [(drawn[s][0][0], _sim_labels(drawn[s][0][1], source)) for s, source in keys]
    sources = dict(zip(keys, pretrained(data, 2, [s for s, _ in keys]), strict=True))
    rows = []
    for n in COUNTS:
        jobs = [(s, "none", START) for s in sets]
        jobs += [(*key, arm) for key in keys for arm in ARMS]
        nets = [
            new_net(2, 2, s) if arm == START else begin(arm, sources[s, name], 2, s)
            for s, name, arm in jobs
        ]
        few = {s: (drawn[s][1][0][:n], drawn[s][1][1]["first"][:n]) for s in sets}
        train_on_target(
            nets, [few[s] for s, *_ in jobs], [_rate(arm) for *_, arm in jobs],
            [s for s, *_ in jobs],
        )  # fmt: skip
        found = {job: answers(net, drawn[job[0]][2][0])
                 for job, net in zip(jobs, nets, strict=True)}  # fmt: skip
        for s in sets:
            (x, y), test = few[s], drawn[s][2][0]
            found[s, "none", "logistic"] = linear_head(flat(x), y).predict(flat(test))
        for s, name in keys:
            (x, y), test, net = few[s], drawn[s][2][0], sources[s, name]
            found[s, name, "as it is"] = answers(net, test)
            head = linear_head(last_states(net, x), y)
            found[s, name, "frozen"] = head.predict(last_states(net, test))
            old_x, old_y = drawn[s][0][0], _sim_labels(drawn[s][0][1], name)
            pooled = linear_head(
                flat(np.concatenate([old_x, x])), np.concatenate([old_y, y])
            )
            found[s, name, "pooled logistic"] = pooled.predict(flat(test))
        rows += [
            {"set": s, "n": n, "source": name, "arm": arm,
             "accuracy": (guess == drawn[s][2][1]["first"]).mean()}
            for (s, name, arm), guess in found.items()
        ]  # fmt: skip
    return pd.DataFrame(rows)


def _sim_labels(y: dict[str, Labels], source: str) -> Labels:
    answer = y["higher" if source == "other" else "first"]
    return 1 - answer if source == "reversed" else answer


def yeast_scores(
    target: str, scale: str, *, folds: Sequence[int] = range(5),
    counts: Sequence[int] = (*COUNTS, 0),
) -> pd.DataFrame:  # fmt: skip
    """Return how many test genes of each cluster every arm puts into the right phase.

    Sources are the other three experiments, with the training genes of the fold; only
    ``"leaky"`` sources hold the test genes too.

    Parameters
    ----------
    counts
        Genes that the new experiment measured; 0 stands for all training genes.

    Returns
    -------
    pandas.DataFrame
        ``target``, ``scale``, ``n``, ``source`` (``"none"``, ``"labels"``,
        ``"masked"``, ``"shuffled"``, ``"leaky"`` or ``"pooled"``), ``arm``, ``fold``,
        ``unit`` (cluster), ``hits`` (mean over seeds) and ``n_series``.
    """
    if set(folds) - set(range(5)) or not len(folds):
        raise ValueError(f"folds must lie between 0 and 4, got {list(folds)}")
    studies = yeast_studies()
    split = study_folds(studies)
    sources = _yeast_sources(studies, target, scale, {f: split[f] for f in folds})
    parts = []
    for n in counts:
        found: dict[tuple[Any, ...], Labels] = {}
        jobs: list[tuple[Any, ...]] = []
        data, own = [], {}
        for f in folds:
            train, test = split[f]
            for seed in SEEDS.get(n, FEW_SEEDS):
                panel = draw_panel(studies.y, train, n or len(train), seed)
                x, x_test = (target_rows(studies, target, train, panel, genes, scale)
                             for genes in (panel, test))  # fmt: skip
                own[f, seed] = (x, studies.y[panel], x_test)
                jobs += [(f, seed, "none", START)]
                jobs += [(f, seed, "labels", arm) for arm in ARMS]
                jobs += [(f, seed, s, "fine-tuned") for s in ("masked", "shuffled")]
        nets, rates = [], []
        for f, seed, source, arm in jobs:
            old = None if arm == START else sources[f, source, seed % 2]
            nets.append(begin(arm, old, len(PHASES), seed))
            rates.append(_rate(arm))
            data.append(own[f, seed][:2])
        train_on_target(nets, data, rates, [seed for _, seed, *_ in jobs])
        for (f, seed, source, arm), net in zip(jobs, nets, strict=True):
            found[f, seed, source, arm] = answers(net, own[f, seed][2])
        for (f, seed), (x, y, x_test) in own.items():
            pool = sources[f, "rows", 0]
            simple = _without_a_net(x, y, x_test, pool, seed)
            found |= {(f, seed, *arm): guess for arm, guess in simple.items()}
            for source in ("labels", "masked", "shuffled", "leaky"):
                net = sources[f, source, seed % 2]
                head = linear_head(last_states(net, x), y)
                guess = head.predict(last_states(net, x_test))
                found[f, seed, source, "frozen"] = guess
                if source in ("labels", "leaky"):
                    found[f, seed, source, "as it is"] = answers(net, x_test)
        for (f, seed, source, arm), guess in found.items():
            test = split[f][1]
            parts.append(pd.DataFrame({
                "n": n, "source": source, "arm": arm, "fold": f, "seed": seed,
                "unit": studies.clusters[test], "n_series": 1,
                "hits": (guess == studies.y[test]) * 1.0,
            }))  # fmt: skip
    keys = ["n", "source", "arm", "fold", "unit"]
    sums = pd.concat(parts).groupby([*keys, "seed"], as_index=False).sum()
    means = sums.groupby(keys, as_index=False)[["hits", "n_series"]].mean()
    means.insert(0, "scale", scale)
    means.insert(0, "target", target)
    return means


def _yeast_sources(
    studies: Any, target: str, scale: str, split: dict[int, tuple[Labels, Labels]]
) -> dict[tuple[int, str, int], Any]:
    """Return nets by fold, source and seed; and, as ``"rows"``, the pooled series."""
    found: dict[tuple[int, str, int], Any] = {}
    tasks: dict[tuple[int, str, int], tuple[Floats, NDArray[Any]]] = {}
    for f, (train, test) in split.items():
        everyone = np.concatenate([train, test])
        x = _stacked(source_rows(studies, target, train, train, scale))
        y = np.tile(studies.y[train], len(STUDIES) - 1)
        leaky_x = _stacked(source_rows(studies, target, train, everyone, scale))
        leaky_y = np.tile(studies.y[everyone], len(STUDIES) - 1)
        found[f, "rows", 0] = (x, y)
        for seed in FEW_SEEDS:
            mixed = np.random.default_rng(seed).permutation(studies.y[train])
            tasks[f, "labels", seed] = (x, y)
            tasks[f, "shuffled", seed] = (x, np.tile(mixed, len(STUDIES) - 1))
            tasks[f, "leaky", seed] = (leaky_x, leaky_y)
            tasks[f, "masked", seed] = masked_task(x, seed)
    for restore, n_outputs in ((False, len(PHASES)), (True, N_POINTS)):
        keys = [key for key in tasks if (key[1] == "masked") == restore]
        nets = pretrained([tasks[k] for k in keys], n_outputs, [k[2] for k in keys],
                          restore=restore)  # fmt: skip
        found |= dict(zip(keys, nets, strict=True))
    return found


def _stacked(rows: dict[str, Floats]) -> Floats:
    return np.concatenate(list(rows.values()))


def _without_a_net(
    x: Floats, y: Labels, x_test: Floats, pool: tuple[Floats, Labels], seed: int
) -> dict[tuple[str, str], Labels]:
    """Return the answers of the baselines, by source and arm."""
    old_x, old_y = pool
    forest = RandomForestClassifier(200, random_state=seed).fit(flat(x), y)
    pooled = linear_head(flat(np.concatenate([old_x, x])), np.concatenate([old_y, y]))
    return {
        ("none", "majority"): np.full(len(x_test), np.bincount(y).argmax()),
        ("none", "logistic"): linear_head(flat(x), y).predict(flat(x_test)),
        ("none", "random forest"): forest.predict(flat(x_test)),
        ("pooled", "logistic"): pooled.predict(flat(x_test)),
    }  # fmt: skip


JOBS = tuple((target, scale) for target in TARGETS for scale in SCALES)
