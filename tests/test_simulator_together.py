"""The linked modalities in one chain: genotype, mRNA, protein, image, label."""

from __future__ import annotations

from dataclasses import dataclass

import anndata
import numpy as np
import pandas as pd
import pytest

from genex_helpers.simulator.genetics import (
    Genotypes,
    block_linkage,
    draw_frequencies,
    draw_genotypes,
    linked_snps,
    rate_factors,
)
from genex_helpers.simulator.images import CellImages, cell_images, cell_state
from genex_helpers.simulator.kinetics import simulate
from genex_helpers.simulator.labels import Labels, class_labels
from genex_helpers.simulator.networks import Network, cascade, edge_table
from genex_helpers.simulator.proteins import (
    draw_kinetics,
    measure_proteins,
    protein_levels,
)
from genex_helpers.simulator.simulation import Simulation
from genex_helpers.simulator.tissue import gradient_tissue, lay_spots

N_SUBJECTS = 600
TIMES = np.linspace(0, 48, 13)
SAMPLED = np.array([12.0, 30.0, 48.0])
EFFECTS = pd.DataFrame(
    {"snp": ["snp3"], "gene": ["driver"], "coding": ["additive"], "effect": [0.8]}
)


@dataclass(frozen=True)
class Study:
    """All that is known of the same subjects."""

    genotypes: Genotypes
    simulation: Simulation
    proteins: anndata.AnnData
    cells: CellImages
    labels: Labels


def network() -> Network:
    """Return a driver without regulators, its target, and a gene of no concern."""
    edges = edge_table([("driver", "target", 1, 8.0, 2.0, 0.0)])
    genes = ("driver", "target", "bystander")
    return Network(genes, edges, np.zeros(3), np.ones(3), np.full(3, 0.2))


def study(seed: int) -> Study:
    """Draw the genotypes of some people, and all that follows from them."""
    who = network()
    linkage = block_linkage(10, 0.8, block_size=5)
    frequency = draw_frequencies(linkage, seed=seed, low=0.3)
    genotypes = draw_genotypes(N_SUBJECTS, frequency, linkage, seed=seed)
    simulation = simulate(
        who,
        TIMES,
        N_SUBJECTS,
        seed=seed,
        subject_spread=0.1,
        rate_factors=rate_factors(genotypes, EFFECTS, who.genes),
        settle=40.0,
    )
    kinetics = draw_kinetics(who.n_genes, seed=seed)
    levels = protein_levels(simulation.expression, TIMES, kinetics, at=SAMPLED)
    proteins = measure_proteins(
        levels,
        SAMPLED,
        [str(name) for name in simulation.subjects],
        who.genes,
        seed=seed,
        missing_values=0.05,
    )
    state = cell_state(simulation.expression[:, -1], [0, 1, 0], half_level=2.0)
    labels = class_labels(simulation, [("driver", 48.0, 1.0)], seed=seed, flip=0.05)
    return Study(genotypes, simulation, proteins, cell_images(state, seed=seed), labels)


@pytest.fixture(scope="module")
def drawn() -> Study:
    """One study, drawn once."""
    return study(seed=0)


def correlation(one: np.ndarray, two: np.ndarray) -> float:
    """Return the correlation of two columns."""
    return float(np.corrcoef(one, two)[0, 1])


def test_the_pieces_fit(drawn: Study) -> None:
    subjects = drawn.simulation.subjects
    assert drawn.simulation.expression.shape == (N_SUBJECTS, 13, 3)
    assert drawn.proteins.shape == (N_SUBJECTS * 3, 3)
    assert drawn.cells.images.shape == (N_SUBJECTS, 2, 32, 32)
    assert drawn.proteins.obs["subject"].unique().tolist() == subjects.tolist()
    genotypes = drawn.genotypes.to_adata([str(name) for name in subjects], EFFECTS)
    assert genotypes.obs_names.tolist() == subjects.tolist()
    assert drawn.labels.by_subject().index.tolist() == subjects.tolist()


def test_an_allele_raises_transcription_by_its_effect(drawn: Study) -> None:
    dosage = drawn.genotypes.dosage[:, 2]
    level = np.log2(drawn.simulation.expression[:, -1])  # (subject, gene)
    slope = np.polyfit(dosage, level[:, 0], 1)[0]
    assert slope == pytest.approx(0.8, abs=0.03)
    assert correlation(dosage, level[:, 1]) > 0.8  # through the network
    assert abs(correlation(dosage, level[:, 2])) < 0.15


def test_without_noise_the_factor_is_exact() -> None:
    factors = 2.0 ** np.array([[0.0, 0, 0], [0.8, 0, 0], [1.6, 0, -1]])
    found = simulate(
        network(), TIMES, 3, seed=0, system_size=None, rate_factors=factors,
        settle=200.0,
    ).expression  # fmt: skip
    np.testing.assert_allclose(found[:, -1, 0] / found[0, -1, 0], factors[:, 0])
    np.testing.assert_allclose(found[:, -1, 2] / found[0, -1, 2], factors[:, 2])


def test_each_modality_tells_of_the_allele_and_so_does_its_neighbour(
    drawn: Study,
) -> None:
    dosage = drawn.genotypes.dosage
    last = drawn.proteins[drawn.proteins.obs["time"] == 48.0, "driver"].X[:, 0]
    seen = ~np.isnan(last)
    readings = {
        "protein": (np.log2(last[seen]), seen),
        "radius": (drawn.cells.truth["nucleus_radius"].to_numpy(), slice(None)),
        "label": (drawn.labels.values, slice(None)),
    }
    linked = linked_snps(drawn.genotypes, EFFECTS, least=0.7)
    assert linked["snp"].tolist() == ["snp2", "snp4"]
    for name, (reading, rows) in readings.items():
        r = [correlation(dosage[rows, i], reading) for i in range(10)]
        assert int(np.argmax(np.abs(r))) == 2, name  # the causal SNP
        assert min(r[1], r[3]) > 0.4, name  # linked, does nothing
        assert max(np.abs(r[5:])) < 0.2, name  # the other block


def test_the_same_seed_gives_the_same_study(drawn: Study) -> None:
    again = study(seed=0)
    assert drawn.genotypes.dosage.tobytes() == again.genotypes.dosage.tobytes()
    mrna = drawn.simulation.expression, again.simulation.expression
    assert mrna[0].tobytes() == mrna[1].tobytes()
    assert drawn.proteins.X.tobytes() == again.proteins.X.tobytes()
    assert drawn.cells.images.tobytes() == again.cells.images.tobytes()
    assert drawn.labels.values.tobytes() == again.labels.values.tobytes()


def test_a_tissue_is_an_input_and_spots_average_it() -> None:
    tissue = gradient_tissue(400, 300, seed=0, length=120.0, input_name="signal")
    found = simulate(
        cascade(2),
        np.linspace(0, 20, 5),
        len(tissue.cells),
        seed=0,
        system_size=None,
        inputs=tissue.inputs(),
    )
    level = tissue.cells["level"].to_numpy()
    # a linear cascade settles at the level of its signal
    np.testing.assert_allclose(found.expression[:, -1, 1], level, rtol=1e-3)
    np.testing.assert_allclose(
        found.inputs, np.broadcast_to(level[:, None, None], found.inputs.shape)
    )
    spots = lay_spots(tissue)
    seen = spots.average(found.expression)  # (spot, time, gene)
    np.testing.assert_allclose(seen[:, -1, 1], spots.average(level), rtol=1e-3)
    assert correlation(spots.table["x"].to_numpy(), seen[:, -1, 1]) < -0.9
