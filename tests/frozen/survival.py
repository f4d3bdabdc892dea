"""Freeze what two libraries say of a small survival table with ties.

    python -m venv cox && cox/bin/pip install lifelines statsmodels
    cox/bin/python tests/frozen/survival.py

Writes survival.json beside this file, which tests/test_survival.py reads.
Versions: lifelines 0.30.3, statsmodels 0.15.0.
"""

from __future__ import annotations

import json
from pathlib import Path

import lifelines
import numpy as np
import pandas as pd
import statsmodels
from lifelines.utils import concordance_index
from statsmodels.duration.hazard_regression import PHReg


def main() -> None:
    """Draw a table, fit it, and write all numbers."""
    rng = np.random.default_rng(8)
    n = 60
    x = rng.normal(size=(n, 3)).round(3)
    hidden = rng.exponential(np.exp(-x @ [0.8, -0.5, 0.0]))
    leaves = rng.exponential(1.2, n)
    # coarse days, so that many deaths and departures fall on the same one
    time = np.ceil(5 * np.minimum(hidden, leaves))
    event = hidden <= leaves
    table = pd.DataFrame(x, columns=["a", "b", "c"]).assign(time=time, event=event)
    fitted = lifelines.CoxPHFitter().fit(table, "time", "event")
    curve = lifelines.KaplanMeierFitter().fit(time, event).survival_function_
    found = {
        "versions": {"lifelines": lifelines.__version__,
                     "statsmodels": statsmodels.__version__},
        "x": x.tolist(), "time": time.tolist(), "event": event.astype(int).tolist(),
        "lifelines": {
            "coef": fitted.params_.tolist(),
            "log_likelihood": fitted.log_likelihood_,
            "concordance": concordance_index(time, -(x @ [1.0, -1.0, 0.5]), event),
            "curve_times": curve.index.tolist(),
            "curve": curve.iloc[:, 0].tolist(),
        },
    }  # fmt: skip
    for ties in ("breslow", "efron"):
        model = PHReg(time, x, status=event.astype(int), ties=ties)
        at = np.array([0.5, -0.2, 0.1])
        found[f"statsmodels {ties}"] = {
            "coef": model.fit().params.tolist(),
            "at": at.tolist(),
            "log_likelihood_at": float(model.loglike(at)),
            "score_at": model.score(at).tolist(),
        }
    file = Path(__file__).with_name("survival.json")
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
