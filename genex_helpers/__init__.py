"""Helpers of the book "Recurrent neural networks for gene expression".

Importing this package is quick and has no side effects: torch, AnnData and
matplotlib are loaded by the modules that need them.

What is where, from the ground floor up:

data            datasets, own_data, simulator, paths
samples         quality, replicates, normalisation, preprocessing, combat, batches
series          times, sequences, alignment, hiding, imputation, large_tables, order
held out        splits, resampling, permutation, leaks
models          models, recurrent_nets, normalised_nets, dropout, gru_d, baselines,
                forecasting, forecast_windows, forecast_processes, forecast_nets,
                estimators, encoders, fusion, networks_from_series, network_nets,
                multi_task, attention, attention_nets
training        seeds, training, training_data, masking, checkpoints, stacked,
                stacked_training, many, stacked_tasks, transfer
judging         evaluation, comparison, survival, calibration, conformal, results,
                network_scores, attention_tests
cases           influenza, yeast, architecture, memory_tasks, shared_weights,
                own_baseline, time_inputs, imputation_scores, gap_tasks, gap_nets,
                batch_sets, batch_courses, leak_cases, optimiser_race, remedies,
                remedy_nets, remedy_trials, search_tables, uncertainty, shared_search,
                multimodal, multimodal_nets, patients, patient_nets, dosing, prefixes,
                network_motifs, network_trials, transfer_sets, transfer_trials,
                related_tasks, influenza_tasks, attention_race, attention_people,
                driver_waves, map_sanity, found_genes
notebooks       notebook, plots, quizzes, exercises
explaining      interpretation, coalitions, attribution_tests

A case is a data set or a task with its settings, shared by a chapter and the
experiment that stores its slow results.
"""

__version__ = "0.1.0"
