"""Do maps depend on what a net has learned? Randomised weights and labels, on waves.

For chapter 17b. A map of a trained net is compared with maps of the same series from a
net with another seed, from nets whose weights were dealt anew, and from a net trained
on permuted labels. Settings and claims were fixed before the run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from . import driver_waves as waves
from .attribution_tests import randomised, similarity, truth_scores

METHODS = (
    "saliency",
    "gradient × input, own first",
    "integrated gradients, own first",
    "occlusion",
    "Shapley sampling",
    "saliency, rescaled",
)
LAYERS = {"weights of the head": ["head"], "all weights": ["head", "recurrent"]}
N_SETS = 16
DELTA = 0.2  # a rank correlation that is not worth mentioning
JUDGED = ("all weights", "labels")
SETTINGS: dict[str, Any] = {
    "methods": list(METHODS),
    "sets": N_SETS,
    "delta": DELTA,
    "claims": [f"maps of {m} do not survive: {j}" for j in JUDGED for m in METHODS],
}


def compared_set(number: int) -> pd.DataFrame:
    """Return how like the trained net's map each other map is, for one set.

    Columns: ``set``, ``method``, ``against`` (another seed, weights, labels),
    ``sizes`` and ``signed`` (mean rank correlation with the map of the trained net,
    cell by cell), ``cell`` (mean average precision of the other map).
    """
    data = waves.wave_set(number)
    x, largest = data.explained.x, waves.SIZES[-1]
    net = waves.trained_net(data, largest, seed=0)
    others: dict[str, Any] = {"another seed": waves.trained_net(data, largest, seed=1)}
    others |= {k: randomised(net, v, seed=number) for k, v in LAYERS.items()}
    rng = np.random.default_rng([18, number])
    dealt = data.train._replace(y=rng.permutation(data.train.y))
    others["labels"] = waves.trained_net(data._replace(train=dealt), largest, seed=0)
    everything, rows = waves.methods(data), []
    for name in METHODS:
        own = everything[name](net, x).values
        for against, other in others.items():
            found = everything[name](other, x)
            rows.append(
                {
                    "method": name,
                    "against": against,
                    "sizes": np.nanmean(similarity(own, found.values)),
                    "signed": np.nanmean(similarity(own, found.values, signed=True)),
                    "cell": truth_scores(found, data.explained.truth)["cell"].mean(),
                }
            )
    return pd.DataFrame(rows).assign(set=number)
