"""The nets and baselines of chapter 16, trained on one simulated set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from . import multimodal as mm
from .encoders import (
    GenotypeEncoder,
    ImageEncoder,
    ProteinEncoder,
    SeriesEncoder,
    with_mask,
)
from .fusion import (
    CrossAttentionFusion,
    EarlyFusion,
    Fusion,
    GatedFusion,
    LateFusion,
    SharedFusion,
    Unpacked,
)
from .seeds import seed_everything
from .training import fit, predict

Floats = NDArray[np.float64]
Tables = dict[str, NDArray[np.float32]]

LATENT_SIZE, HIDDEN_SIZE = 8, 16
N_EPOCHS, PATIENCE, LEARNING_RATE, BATCH_SIZE = 60, 12, 0.01, 50
WEIGHT_DECAY = 1e-3
FUSIONS: dict[str, Any] = {
    "shared": SharedFusion,
    "gated": GatedFusion,
    "attention": CrossAttentionFusion,
    "late": LateFusion,
}


class Scaler:
    """Standardise each modality by the training people; proteins get their mask."""

    def __init__(self, people: mm.People) -> None:
        self.middle, self.spread = {}, {}
        for name, x in people.inputs.items():
            axes = (0, 2, 3) if name == "image" else 0
            if name != "genotype":
                self.middle[name] = np.nanmean(x, axis=axes, keepdims=True)
                self.spread[name] = np.nanstd(x, axis=axes, keepdims=True) + 1e-6

    def __call__(self, people: mm.People) -> Tables:
        """Return modality → array without NaN, as the encoders take them."""
        tables = {}
        for name, x in people.inputs.items():
            if name != "genotype":
                x = (x - self.middle[name]) / self.spread[name]
            tables[name] = with_mask(x) if name == "protein" else x.astype(np.float32)
        return tables


def new_encoder(name: str) -> nn.Module:
    """Return a new encoder of a modality.

    Raises
    ------
    ValueError
        If there is no such modality.
    """
    if name == "expression":
        return SeriesEncoder(mm.N_GENES, LATENT_SIZE, HIDDEN_SIZE)
    if name == "genotype":
        return GenotypeEncoder(mm.N_SNPS, LATENT_SIZE, HIDDEN_SIZE)
    if name == "protein":
        n_times = len(mm.PROTEIN_TIMES)
        return ProteinEncoder(n_times, mm.N_GENES, LATENT_SIZE, HIDDEN_SIZE)
    if name == "image":
        return ImageEncoder(2, LATENT_SIZE)
    raise ValueError(f"name must be one of {mm.MODALITIES}, got {name!r}")


def new_net(
    kind: str, *, names: Sequence[str] = mm.MODALITIES, dropout: float = 0.0, seed: int
) -> Fusion:
    """Return a new fusion net of a kind: "early", or one of ``FUSIONS``.

    Raises
    ------
    ValueError
        If there is no such kind.
    """
    seed_everything(seed)
    if kind == "early":
        sizes = {
            "expression": len(mm.TIMES) * mm.N_GENES,
            "genotype": mm.N_SNPS,
            "protein": 2 * len(mm.PROTEIN_TIMES) * mm.N_GENES,
            "image": 2 * mm.IMAGE_SIZE**2,
        }
        return EarlyFusion({n: sizes[n] for n in names}, modality_dropout=dropout)
    if kind not in FUSIONS:
        raise ValueError(
            f"kind must be 'early' or one of {list(FUSIONS)}, got {kind!r}"
        )
    encoders = {name: new_encoder(name) for name in names}
    net: Fusion = FUSIONS[kind](encoders, LATENT_SIZE, modality_dropout=dropout)
    return net


def train(
    net: Fusion,
    inputs: Mapping[str, Any],
    y: NDArray[Any],
    train_rows: NDArray[Any],
    validation_rows: NDArray[Any],
    *,
    present: NDArray[np.bool_] | None = None,
    n_epochs: int = N_EPOCHS,
    seed: int = 0,
    device: str = "cpu",
) -> float:
    """Train a net with early stopping; return the lowest validation loss, in nats."""
    arrays = _arrays(net, inputs, present, len(y))
    target = np.asarray(y, dtype=np.float32)[:, None]
    history = fit(
        Unpacked(net),
        tuple(x[train_rows] for x in arrays),
        target[train_rows],
        loss=nn.functional.binary_cross_entropy_with_logits,
        n_epochs=n_epochs,
        learning_rate=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
        optimiser=torch.optim.AdamW,
        batch_size=BATCH_SIZE,
        patience=PATIENCE,
        validation=(
            tuple(x[validation_rows] for x in arrays),
            target[validation_rows],
        ),
        seed=seed,
        device=device,
    )
    return float(history["validation_loss"].min())


def logits(
    net: Fusion, inputs: Mapping[str, Any], present: NDArray[np.bool_] | None = None
) -> Floats:
    """Return ``(person,)`` logits."""
    n = len(inputs[net.names[0]])
    said = predict(Unpacked(net), _arrays(net, inputs, present, n))
    return np.asarray(said[:, 0], dtype=float)


def flat(inputs: Mapping[str, Any], names: Sequence[str] = mm.MODALITIES) -> Floats:
    """Return all modalities side by side, ``(person, number)``, for linear models.

    Genotypes come in both codings; pictures as their brightness, its spread and the
    share of bright pixels, for each stain (see :func:`picture_numbers`).
    """
    parts: list[NDArray[Any]] = []
    for name in names:
        x = np.asarray(inputs[name], dtype=float)
        if name == "image":
            parts.append(picture_numbers(x))
        else:
            parts.append(x.reshape(len(x), -1))
        if name == "genotype":
            parts.append((x > 0) * 1.0)
    return np.concatenate(parts, axis=1)


def picture_numbers(images: NDArray[Any]) -> Floats:
    """Return three numbers a channel that one would measure by eye, ``(person, 6)``."""
    x = np.asarray(images, dtype=float)
    mean, spread = x.mean(axis=(2, 3)), x.std(axis=(2, 3))
    bright = (x > 1.0).mean(axis=(2, 3))
    return np.concatenate([mean, spread, bright], axis=1)


def _arrays(
    net: Fusion,
    inputs: Mapping[str, Any],
    present: NDArray[np.bool_] | None,
    n: int,
) -> tuple[NDArray[np.float32], ...]:
    seen = np.ones((n, len(net.names))) if present is None else present
    return *(inputs[name] for name in net.names), np.asarray(seen, dtype=np.float32)


def run_set(number: int, world: str) -> pd.DataFrame:
    """Train every method on one set of a world, and test it.

    Returns
    -------
    Columns ``world``, ``set``, ``test`` ("whole": all modalities present; "absent":
    half of them), ``method``, ``score`` (AUROC), ``loss`` (nats) and, for single
    modalities, ``validation_loss``.
    """
    people = mm.draw_people(mm.N_TRAIN + mm.N_VALIDATION + mm.N_TEST, world, number)
    own, validation, test = mm.rows()
    x, y = Scaler(people.take(own))(people), people.y
    x_test = {name: table[test] for name, table in x.items()}
    whole = np.ones((len(test), len(mm.MODALITIES)), dtype=bool)
    masks = {"whole": whole}
    if world == "complementary":
        masks["absent"] = mm.draw_present(len(test), mm.HIDE, number)
    found: list[dict[str, Any]] = []

    def keep(method: str, said: Floats, test_name: str = "whole", **more: Any) -> None:
        score = {"score": roc_auc_score(y[test], said), "loss": _loss(said, y[test])}
        found.append({"test": test_name, "method": method} | score | more)

    keep("truth", people.log_odds[test])
    singles = {}
    for k, name in enumerate(mm.MODALITIES):
        keep(f"truth, {name}", people.hidden[test, k])
        net = new_net("late", names=[name], seed=number)
        loss = train(net, x, y, own, validation, seed=number)
        singles[name] = (loss, logits(net, x_test))
        keep(name, singles[name][1], validation_loss=loss)
    keep(mm.SINGLE, min(singles.values(), key=lambda pair: pair[0])[1])
    keep("late, apart", np.sum([said for _, said in singles.values()], axis=0))
    kinds = [(kind, 0.0) for kind in ("early", *FUSIONS)]
    if world == "complementary":
        kinds += [("early", mm.DROPOUT), ("gated", mm.DROPOUT)]
    for kind, dropout in kinds:
        net = new_net(kind, dropout=dropout, seed=number)
        train(net, x, y, own, validation, seed=number)
        for test_name, mask in masks.items():
            said = logits(net, x_test, mask)
            keep(kind + (", dropout" if dropout else ""), said, test_name)
    for method, model in baselines().items():
        model.fit(flat(x)[: -mm.N_TEST], y[: -mm.N_TEST])
        for test_name, mask in masks.items():
            filled = flat(hidden_away(x_test, mask, x, own))
            said = np.clip(model.predict_proba(filled)[:, 1], 1e-3, 1 - 1e-3)
            keep(method, np.log(said / (1 - said)), test_name)
    if world == "complementary":
        for method, said in trained_with_holes(people, number).items():
            keep(method, said, "trained with holes")
    return pd.DataFrame(found).assign(world=world, set=number)


def trained_with_holes(people: mm.People, number: int) -> dict[str, Floats]:
    """Train nets on people who lack half of their modalities.

    Once on those who have all, once on everyone with the mask. Both are chosen on
    validation people with the same holes, and answer for whole test people,
    ``(person,)`` logits.
    """
    own, validation, test = mm.rows()
    present = mm.draw_present(len(people.y), mm.HIDE, 100 + number)
    complete = own[present[own].all(axis=1)]
    found = {}
    for who, rows in (("everyone", own), ("complete cases", complete)):
        x = Scaler(people.take(rows))(people)
        x_test = {name: table[test] for name, table in x.items()}
        for kind in mm.TRAINED_KINDS:
            net = new_net(kind, seed=number)
            train(net, x, people.y, rows, validation, present=present, seed=number)
            found[f"{kind}, {who}"] = logits(net, x_test)
    return found


def baselines() -> dict[str, Any]:
    """Return the linear and the classical baseline, new."""
    return {
        "logistic": make_pipeline(
            StandardScaler(),
            GridSearchCV(
                LogisticRegression(max_iter=1000),
                {"C": [0.003, 0.01, 0.03, 0.1, 1.0]},
                scoring="neg_log_loss",
                cv=4,
            ),
        ),
        "random forest": RandomForestClassifier(
            200, min_samples_leaf=3, random_state=0
        ),
    }


def hidden_away(
    inputs: Tables,
    present: NDArray[np.bool_],
    everyone: Tables,
    train_rows: NDArray[Any],
) -> Tables:
    """Return the inputs with the training mean where a modality is absent."""
    filled = {}
    for k, name in enumerate(mm.MODALITIES):
        mean = everyone[name][train_rows].mean(axis=0)
        seen = present[:, k].reshape(-1, *[1] * mean.ndim)
        filled[name] = np.where(seen, inputs[name], mean)
    return filled


def _loss(said: Floats, y: NDArray[np.int64]) -> float:
    """Return the mean surprise at the labels, in nats."""
    return float(np.mean(np.logaddexp(0, np.where(y == 1, -said, said))))
