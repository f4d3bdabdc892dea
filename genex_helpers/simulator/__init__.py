"""A simulator of gene expression over time, with known truth.

    network = random_network(100, 0.05, seed=0, inputs=("virus",))
    simulation = simulate(
        network, times, n_series=17, seed=0, system_size=1e4, subject_spread=0.15,
        settle=150, perturbations=[pulse("virus", 1.0, at=24, width=48)],
    )
    adata = measure(simulation, seed=0, library_size=1e6)

What is modelled
----------------
- A network of genes (`Network`): Hill functions that combine as a mean, "and" or "or",
  or linear regulation; decay; a delay for each edge; inputs from outside. Motifs:
  `cascade`, `oscillator`, `toggle_switch`, `feed_forward_loop`; and `random_network`.
- Kinetics in continuous time with intrinsic noise, many series at once (`simulate`);
  perturbations (`knock_out`, `over_express`, `dose`, `pulse`, inputs that change).
- Measurement, piece by piece (`measure`): counts and library size, dropout, missing
  samples at random and by value, irregular times, batches, subjects.
- Labels driven by known genes at known times (`class_labels`, `number_labels`).
- Linked modalities: genotypes, proteins, cell images, cells in a tissue.

Everything returns its truth, and the same seed gives the same bytes.

With the settings above, counts resemble bulk RNA of a study of people: the dispersion
of counts between people (lymphoblastoid counts), the spread of library sizes, and the
shares of variance between subjects and between times (influenza challenge) are of the
order of the real sets, and a test holds them there.

What is not modelled
--------------------
- Splicing, polyadenylation, small RNAs, chromatin, and transcription in bursts (noise
  is that of single events of making and decay).
- Translation, unless a protein is a node of its own (`oscillator`) or is made
  afterwards (`protein_levels`): elsewhere mRNA acts on mRNA directly, with a delay, and
  proteins do not act back.
- Single molecules: the Langevin equation is for a few molecules or more, not for one.
- Cells within a sample: a series is one well-mixed volume. No division, growth, cell
  cycle, death, mixture of cell types or signals between cells.
- Diffusion of molecules; in a tissue the input depends on the place, the cells do not
  act on each other.
- Self-regulation in random networks, hubs and modules (each edge is equally likely),
  and decay that is regulated.
- Reads: no sequences, alignment, gene length or GC bias, ambient RNA, doublets or
  duplicate reads; and no error model of a microarray.
- Noise from outside that changes in time (extrinsic noise): subjects differ by factors
  that stay.
- A dispersion for each gene (all genes of a table share one), and outliers.
- Dropout that depends on the level: each entry is as likely to be lost as any other.
- Genes that vary together within people beyond what the network makes them do.

Sources stand with each module.
"""

from genex_helpers.simulator.genetics import (
    Genotypes,
    additive,
    block_linkage,
    dominant,
    draw_effects,
    draw_frequencies,
    draw_genotypes,
    hide_genotypes,
    linked_snps,
    rate_factors,
)
from genex_helpers.simulator.images import (
    CellImages,
    cell_images,
    cell_state,
    draw_cells,
    render_cells,
)
from genex_helpers.simulator.kinetics import simulate
from genex_helpers.simulator.labels import Labels, class_labels, number_labels
from genex_helpers.simulator.measurement import (
    count_noise,
    drop_out,
    irregular_times,
    library_sizes,
    lost_at_random,
    lost_by_value,
    measure,
    spread_factors,
)
from genex_helpers.simulator.networks import (
    Network,
    cascade,
    edge_table,
    feed_forward_loop,
    oscillator,
    random_network,
    toggle_switch,
)
from genex_helpers.simulator.perturbations import (
    GeneChange,
    InputChange,
    dose,
    knock_out,
    over_express,
    pulse,
)
from genex_helpers.simulator.proteins import (
    ProteinKinetics,
    draw_kinetics,
    measure_proteins,
    protein_levels,
)
from genex_helpers.simulator.simulation import Simulation, SimulationTruth
from genex_helpers.simulator.tissue import (
    Spots,
    Tissue,
    decay_length,
    gradient_tissue,
    hexagonal_grid,
    lay_spots,
    morphogen_level,
    neighbours,
    pixel_coordinates,
    tissue_image,
    zoned_tissue,
)

__all__ = [
    "CellImages",
    "GeneChange",
    "Genotypes",
    "InputChange",
    "Labels",
    "Network",
    "ProteinKinetics",
    "Simulation",
    "SimulationTruth",
    "Spots",
    "Tissue",
    "additive",
    "block_linkage",
    "cascade",
    "cell_images",
    "cell_state",
    "class_labels",
    "count_noise",
    "decay_length",
    "dominant",
    "dose",
    "draw_cells",
    "draw_effects",
    "draw_frequencies",
    "draw_genotypes",
    "draw_kinetics",
    "drop_out",
    "edge_table",
    "feed_forward_loop",
    "gradient_tissue",
    "hexagonal_grid",
    "hide_genotypes",
    "irregular_times",
    "knock_out",
    "lay_spots",
    "library_sizes",
    "linked_snps",
    "lost_at_random",
    "lost_by_value",
    "measure",
    "measure_proteins",
    "morphogen_level",
    "neighbours",
    "number_labels",
    "oscillator",
    "over_express",
    "pixel_coordinates",
    "protein_levels",
    "pulse",
    "random_network",
    "rate_factors",
    "render_cells",
    "simulate",
    "spread_factors",
    "tissue_image",
    "toggle_switch",
    "zoned_tissue",
]
