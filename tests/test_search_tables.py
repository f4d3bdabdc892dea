"""Chapter 10b's tables and the searches that are replayed on them."""

from __future__ import annotations

import numpy as np
import pytest
from torch.nn.functional import cross_entropy

from genex_helpers import search_tables as st
from genex_helpers.calibration import log_losses, softmax
from genex_helpers.training import fit, predict
from genex_helpers.yeast import gene_folds, phase_case

EVERY = st.settings()
VALUES = np.random.default_rng(0).normal(size=len(EVERY))


def test_settings_are_numbered_as_they_stand() -> None:
    shape = [len(values) for values in st.SPACE.values()]
    assert len(EVERY) == np.prod(shape)
    for number in (0, 17, len(EVERY) - 1):
        places = np.unravel_index(number, shape)
        expected = {n: v[p] for (n, v), p in zip(st.SPACE.items(), places, strict=True)}
        assert EVERY[number] == expected
        assert st.number_of([int(p) for p in places]) == number


def test_tasks_hold_out_whole_clusters() -> None:
    case = phase_case()
    for table in (0, 1, 7):
        _, test = gene_folds(case)[table // st.N_DRAWS]
        data = st.task(table)
        assert len(data.y["train"]) == st.N_TRAIN
        assert len(data.y["validation"]) <= st.N_VALIDATION
        np.testing.assert_array_equal(data.y["test"], case.y[test])
        clusters = [set(case.clusters[_rows(data.x[part], case)]) for part in data.x]
        assert not (clusters[0] & clusters[1] or clusters[0] & clusters[2])
        assert not clusters[1] & clusters[2]
    assert not np.array_equal(st.task(0).x["train"], st.task(1).x["train"])
    with pytest.raises(ValueError, match="table must lie from 0"):
        st.task(99)


def _rows(x: np.ndarray, case: object) -> np.ndarray:  # type: ignore[type-arg]
    """Find series again among all genes, whatever the scale."""
    courses = case.courses["alpha"][..., 0]  # type: ignore[attr-defined]
    scaled = courses / np.linalg.norm(courses, axis=1, keepdims=True)
    own = x[..., 0] / np.linalg.norm(x[..., 0], axis=1, keepdims=True)
    return np.asarray((own @ scaled.T).argmax(axis=1))


def test_a_row_is_one_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "N_EPOCHS", 5)
    monkeypatch.setattr(st, "EPOCHS_SHOWN", (2, 5))
    numbers = [3, 70, 200]
    found = st.train_all(4, numbers)
    assert found["setting"].tolist() == numbers
    how, data = EVERY[200], st.task(4)
    net = st._new_net(how["cell"], how["hidden_size"], 4)
    history = fit(
        net, data.x["train"], data.y["train"], loss=cross_entropy, n_epochs=5,
        learning_rate=how["learning_rate"], weight_decay=how["weight_decay"],
        clip_norm=st.CLIP_NORM, validation=(data.x["validation"], data.y["validation"]),
    )  # fmt: skip
    row = found.iloc[2]
    assert row["validation_2"] == pytest.approx(history["validation_loss"][1], rel=1e-4)
    assert row["validation_5"] == pytest.approx(history["validation_loss"][4], rel=1e-4)
    p = softmax(predict(net, data.x["test"]))
    assert row["test"] == pytest.approx(log_losses(data.y["test"], p).mean(), rel=1e-3)


@pytest.mark.parametrize("name", st.SEARCHES)
def test_searches_have_one_budget_and_are_repeatable(name: str) -> None:
    tried = st.search(name, VALUES, seed=1)
    assert len(tried) == st.N_TRIALS
    assert all(0 <= k < len(EVERY) for k in tried)
    assert tried == st.search(name, VALUES, seed=1) != st.search(name, VALUES, seed=2)
    if name != "Bayesian":
        assert len(set(tried)) == st.N_TRIALS
        assert tried == st.search(name, -VALUES, seed=1)  # they look at no loss


def test_a_grid_has_few_values_and_all_their_combinations() -> None:
    for seed in range(5):
        rows = [EVERY[k] for k in st.grid_trials(np.random.default_rng(seed))]
        counts = {name: len({row[name] for row in rows}) for name in st.SPACE}
        assert counts == {"cell": 1, "hidden_size": 2, "learning_rate": 5,
                          "weight_decay": 3}  # fmt: skip


def test_the_bayesian_search_goes_where_losses_are_low() -> None:
    values = np.array([abs(np.log10(s["learning_rate"] / 0.03)) for s in EVERY])
    later = np.mean([values[st.search("Bayesian", values, k)[10:]].mean()
                     for k in range(5)])  # fmt: skip
    assert later < 0.6 * values.mean()


def test_best_so_far_chooses_by_the_values_given() -> None:
    tried = [5, 3, 9, 1]
    values = np.array([0.0, 7, 0, 2, 0, 4, 0, 0, 0, 1])
    assert st.best_so_far(values, tried).tolist() == [5, 3, 9, 9]


def test_an_unknown_search_is_refused() -> None:
    with pytest.raises(ValueError, match="name must be one of"):
        st.search("annealing", VALUES, 0)
