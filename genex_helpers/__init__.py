"""Helpers of the book "Recurrent neural networks for gene expression".

Importing this package is quick and has no side effects: torch, AnnData and
matplotlib are loaded by the modules that need them.
"""

__version__ = "0.1.0"
