"""What `fit` refuses, and the words in which it does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from genex_helpers.masking import masked
from genex_helpers.models import RecurrentClassifier
from genex_helpers.training import fit

MSE = nn.functional.mse_loss


def data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 5, 3)).astype(np.float32)
    return x, x[:, :, :1].sum(axis=1)


def refused(match: str, *, error: Any = ValueError, **changed: Any) -> None:
    """Check that `fit` refuses good data with these arguments changed."""
    x, y = data()
    torch.manual_seed(0)
    call: dict[str, Any] = {"model": RecurrentClassifier(3, 4), "x_train": x}
    call |= {"y_train": y, "loss": MSE, "n_epochs": 3} | changed
    with pytest.raises(error, match=match):
        fit(**call)


def test_a_missing_input_is_found() -> None:
    x, y = data()
    x[3, 2, 1] = np.nan
    x[4, 0, 0] = np.inf
    where = r"2 of 180, the first in series 3, step 2, gene 1"
    refused(rf"x_train has missing or infinite values: {where}", x_train=x)
    refused(rf"validation\[0\] has missing.*{where}", validation=(x, y))
    y[5] = np.nan
    refused("y_train has missing .* 1 of 12, the first in series 5", y_train=y)
    refused("the first in series 5", y_train=y[:, 0])


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (np.full((12, 5, 3), "a"), "x_train must be numbers, got dtype <U1"),
        (np.full((12, 5, 3), None), "x_train must be numbers, got dtype object"),
        (np.ones((12, 5, 3), complex), "must be numbers, got dtype complex128"),
        (torch.ones(12, 5, 3) * 1j, "must be real numbers, got dtype torch.complex64"),
        (3.0, "x_train must have one entry a series"),
        (np.ones((0, 5, 3)), "x_train has 0 series, y_train has 12"),
    ],
)
def test_inputs_that_are_no_numbers_are_refused(bad: Any, told: str) -> None:
    refused(told, x_train=bad)


def test_shapes_and_dtypes_are_named() -> None:
    x, y = data()
    refused(r"does not take x_train, which is \(12, 5, 2\) torch.float32 on cpu: .*3",
            x_train=x[:, :, :2])  # fmt: skip
    refused(r"not take x_train, which is \(12, 5, 3\) torch.int64",
            x_train=np.ones((12, 5, 3), int))  # fmt: skip
    refused(r"not take validation\[0\], which is \(12, 5, 2\)",
            validation=(x[:, :, :2], y))  # fmt: skip
    refused(r"gives \(batch, 1\), y_train is \(batch\): .* reshape y_train",
            y_train=y[:, 0])  # fmt: skip
    refused(r"loss does not take the model's output, \(2, 4\) .* \(12, 1\) torch.float",
            loss=nn.functional.cross_entropy,
            model=RecurrentClassifier(3, 4, n_outputs=4))  # fmt: skip
    refused("loss must give one number for a batch, a mean, got",
            loss=lambda p, t: (p - t) ** 2)  # fmt: skip
    refused("x_train has no series", x_train=x[:0], y_train=y[:0])


def test_masks_are_checked() -> None:
    mask = np.ones((12, 1), bool)
    refused("mask must be True and False, got dtype torch.float64", mask=mask * 1.0,
            loss=masked(MSE))  # fmt: skip
    refused(r"shape of y_train, \(12, 1\), or of its first axes, got \(11, 1\)",
            mask=mask[1:], loss=masked(MSE))  # fmt: skip
    mask[4] = False
    refused("mask leaves nothing of series 4: drop", mask=mask, loss=masked(MSE))
    x, y = data()
    refused("a mask for both training and validation", validation=(x, y),
            mask=np.ones((12, 1), bool), loss=masked(MSE))  # fmt: skip
    refused("must be .x, y. or .x, y, mask.", validation=x)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"n_epochs": 0}, "n_epochs must be a whole number above 0, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number above 0, got 2.5"),
        ({"learning_rate": -1.0}, "learning_rate must be above 0 and finite, got -1.0"),
        ({"learning_rate": np.nan}, "learning_rate must be above 0"),
        ({"clip_norm": 0.0}, "clip_norm must be above 0"),
        ({"patience": 3}, r"patience needs validation=\(x, y\)"),
        ({"schedule_per": "step"}, "must be 'epoch' or 'batch', got 'step'"),
        ({"checkpoint_every": 0}, "checkpoint_every must be a whole number above 0"),
        ({"device": "cuda:99"}, "cuda:99"),
    ],
)
def test_settings_are_checked(setting: dict[str, Any], told: str) -> None:
    if "device" in setting and torch.cuda.is_available():
        pytest.skip("PyTorch has words of its own for a GPU that is not there")
    refused(told, **setting)


# ------------------------------------------------------------- losses not finite


def test_an_exploding_run_names_epoch_batch_and_gradient() -> None:
    linear = nn.Sequential(nn.Flatten(), nn.Linear(15, 1))
    refused(
        r"the loss is (inf|nan) in epoch \d+, batch \d: .*the gradient of the step "
        r"before had norm \S*\d.*too large a learning rate, or give clip_norm",
        error=FloatingPointError, model=linear, optimiser=SGD, learning_rate=1e15,
        n_epochs=30, batch_size=4,
    )  # fmt: skip


def test_a_loss_that_divides_by_zero_is_called_so() -> None:
    def ratio(prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction / (0 * target)).abs().mean()

    told = "inputs, targets and weights are finite: look at the loss itself"
    refused(f"the loss is inf in epoch 1, batch 0: {told}", error=FloatingPointError,
            loss=ratio)  # fmt: skip


def test_a_bad_gradient_of_a_good_loss_is_found_in_the_weights() -> None:
    def rooted(prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction - prediction).pow(2).mean().sqrt()  # 0, with slope 0 × inf

    told = "earlier step has spoilt the weight recurrent.weight_ih_l0"
    refused(f"epoch 2, batch 0: an {told}", error=FloatingPointError, loss=rooted)
    # also when there is no further loss to see it
    refused(f"after the last batch of epoch 1: an {told}", error=FloatingPointError,
            loss=rooted, n_epochs=1)  # fmt: skip


def test_a_validation_loss_that_is_not_finite_stops() -> None:
    x, y = data()
    refused("validation loss is inf after epoch 1: inputs, targets and weights are fin",
            error=FloatingPointError, validation=(x, 3e38 * np.sign(y)))  # fmt: skip


def test_the_check_before_training_uses_no_random_number() -> None:
    x, y = data()
    net = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(15, 1))
    torch.manual_seed(3)
    fit(net, x, y, loss=MSE, n_epochs=1)
    after = torch.rand(1)
    torch.manual_seed(3)
    nn.functional.dropout(torch.ones(12, 15), 0.5)
    assert torch.equal(after, torch.rand(1))
