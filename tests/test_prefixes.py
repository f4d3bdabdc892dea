"""One net that answers at every hour, against the net that answers at the end."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genex_helpers import influenza as flu
from genex_helpers import prefixes

TIMES = [0.0, 5.0, 29.0, 45.0]


def series(n: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, len(TIMES), 3)).astype("float32")
    return x, np.arange(n) % 2


def test_an_answer_has_read_nothing_later() -> None:
    torch.manual_seed(0)
    net = prefixes.StepwiseClassifier(3, 4)
    x = torch.randn(2, 6, 3)
    later = x.clone()
    later[:, 4:] = 9.0
    assert torch.equal(net(x)[:, :4], net(later)[:, :4])
    assert torch.allclose(net(x)[:, :4], net(x[:, :4]))


def test_trained_on_the_whole_it_is_the_net_of_chapter_9() -> None:
    x, y = series()
    train, test = np.arange(6), np.arange(6, 8)
    counts = prefixes.answer_mask(len(y), TIMES, "whole series", 29.0)
    ours = prefixes.stepwise_logits(x, y, counts, train, test, seed=3, n_epochs=10)
    theirs = flu.recurrent_scores("gru", x, y, train, test, seed=3, n_epochs=10)
    assert np.allclose(ours[:, -1], theirs, atol=1e-5)


def test_trained_on_one_hour_it_is_the_net_of_the_shorter_series() -> None:
    x, y = series()
    train, test = np.arange(6), np.arange(6, 8)
    counts = prefixes.answer_mask(len(y), TIMES, "that hour alone", 29.0)
    ours = prefixes.stepwise_logits(x, y, counts, train, test, seed=3, n_epochs=10)
    theirs = flu.recurrent_scores("gru", x[:, :3], y, train, test, seed=3, n_epochs=10)
    assert np.allclose(ours[:, 2], theirs, atol=1e-5)


def test_answers_that_count() -> None:
    def counts(arm: str) -> list[int]:
        return prefixes.answer_mask(2, TIMES, arm, 29.0)[1].astype(int).tolist()

    assert counts("every beginning") == [0, 1, 1, 1]
    assert counts("that hour alone") == [0, 0, 1, 0]
    assert counts("whole series") == [0, 0, 0, 1]


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="arm must be one of"):
        prefixes.answer_mask(2, TIMES, "some", 29.0)
    with pytest.raises(ValueError, match="at or before -1 hours"):
        prefixes.answer_mask(2, TIMES, "whole series", -1)
