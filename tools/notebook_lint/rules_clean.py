"""Rules about what code must not do, and about the names it uses."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from .model import Cell, Finding, Notebook, argument, called, dotted, rule

# The set-up cell is generated: it is where pip and an address may stand.
SETUP = "setup"

ABSOLUTE_PATH = re.compile(
    r"(?<![\w.:/<~*-])"
    r"/(?:home|root|tmp|Users|usr|var|opt|mnt|srv|work|content|private)/[\w.-]+"
    r"|\b[A-Z]:\\(?!n\b)\w+"
)
_SHELL = re.compile(
    r"^\s*(?:!(?!=)|%%?(?:pip|conda|mamba|uv|bash|sh|sx|system)\b)", re.MULTILINE
)
_ADDRESS = re.compile(r"\b(?:https?|ftp)://(?!(?:dx\.)?doi\.org/)")

NETWORK_MODULES = {
    "requests", "urllib.request", "urllib3", "http.client", "httpx", "aiohttp",
    "ftplib", "socket", "GEOparse", "pooch",
}  # fmt: skip
NETWORK_CALLS = {
    "urlopen", "urlretrieve", "load_dataset", "fetch_openml", "wget", "curl",
    "load_state_dict_from_url",
}  # fmt: skip
SHELL_CALLS = {"os.system", "os.popen", "get_ipython.system"}

SEEDS_BY_HAND = {
    "torch.manual_seed", "torch.cuda.manual_seed", "torch.cuda.manual_seed_all",
    "np.random.seed", "numpy.random.seed", "random.seed",
}  # fmt: skip
GENERATORS = {"default_rng", "RandomState"}

VOCABULARY = {
    "X_train": "x_train", "X_val": "x_val", "X_valid": "x_val", "X_test": "x_test",
    "Y_train": "y_train", "Y_val": "y_val", "Y_test": "y_test",
    "y_hat": "y_pred", "yhat": "y_pred", "y_predicted": "y_pred",
    "hidden_dim": "hidden_size", "hidden_units": "hidden_size",
    "n_hidden": "hidden_size", "num_hidden": "hidden_size",
    "num_genes": "n_genes", "n_gene": "n_genes", "gene_count": "n_genes",
    "seq_len": "n_steps", "seq_length": "n_steps", "sequence_length": "n_steps",
    "n_timepoints": "n_steps", "n_time_points": "n_steps", "n_timesteps": "n_steps",
    "num_steps": "n_steps", "timesteps": "n_steps",
}  # fmt: skip


def _output_text(cell: Cell) -> str:
    """Return what the stored outputs of a cell show as text."""
    parts: list[str] = []
    for output in cell.outputs:
        parts.append(str(output.get("text", "")))
        data: dict[str, Any] = output.get("data", {})
        parts += [str(v) for k, v in data.items() if not k.startswith("image/")]
    return "\n".join(parts)


def _imports(cell: Cell) -> Iterator[str]:
    """Yield the modules that a cell imports, ``a.b`` for ``from a import b`` too."""
    for node in ast.walk(ast.Module(cell.statements, [])):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@rule("absolute-path", "Clean: no absolute path")
def absolute_path(notebook: Notebook) -> Iterator[Finding]:
    """Look in code, in prose and in stored outputs."""
    for cell in notebook.cells:
        for found in ABSOLUTE_PATH.findall(cell.source + "\n" + _output_text(cell)):
            yield Finding(cell, f"names the path {found}")


@rule("network", "Clean: no network")
def network(notebook: Notebook) -> Iterator[Finding]:
    """Look for modules, functions and addresses that reach out; a DOI is a citation."""
    for cell in notebook.code:
        if SETUP in cell.tags:
            continue
        found = set(_imports(cell)) & NETWORK_MODULES
        found |= {called(call) for call in cell.calls()} & NETWORK_CALLS
        for node in ast.walk(ast.Module(cell.statements, [])):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= set(_ADDRESS.findall(node.value))
        for name in sorted(found):
            yield Finding(cell, f"uses {name}")


@rule("shell", "no `!pip` outside the set-up cell")
def shell(notebook: Notebook) -> Iterator[Finding]:
    """Look for shell lines and for the calls that start another program."""
    for cell in notebook.code:
        if SETUP in cell.tags:
            continue
        # only where the line is not Python: "% name" may continue an expression
        lines = _SHELL.findall(cell.source) if _is_ipython(cell) else []
        names = {dotted(call.func) for call in cell.calls()}
        if lines:
            yield Finding(cell, f"has the shell line {lines[0].strip()}…")
        if "subprocess" in set(_imports(cell)) or names & SHELL_CALLS:
            yield Finding(cell, "starts another program")


def _is_ipython(cell: Cell) -> bool:
    try:
        ast.parse(cell.source)
    except SyntaxError:
        return True
    return False


@rule("warnings", 'no `warnings.filterwarnings("ignore")`')
def warnings(notebook: Notebook) -> Iterator[Finding]:
    """Look for filters that silence, of either name."""
    for cell in notebook.code:
        for call in cell.calls():
            action = argument(call, 0, "action")
            silences = isinstance(action, ast.Constant) and action.value == "ignore"
            if silences and called(call) in ("filterwarnings", "simplefilter"):
                yield Finding(cell, "silences warnings")


@rule("bare-except", "no bare `except`")
def bare_except(notebook: Notebook) -> Iterator[Finding]:
    """Look for handlers of everything, and for those that pass over any exception."""
    for cell in notebook.code:
        for node in ast.walk(ast.Module(cell.statements, [])):
            if not isinstance(node, ast.ExceptHandler):
                continue
            broad = node.type and dotted(node.type) in ("Exception", "BaseException")
            if node.type is None:
                yield Finding(cell, "has a bare except")
            elif broad and all(isinstance(line, ast.Pass) for line in node.body):
                yield Finding(cell, "passes over every exception")


@rule("seeds", "Random numbers come from one seed function")
def seeds(notebook: Notebook) -> Iterator[Finding]:
    """Look for seeds set by hand, and for generators without one.

    A ``torch.Generator`` that is seeded for itself disturbs nothing, and may be.
    """
    for cell in notebook.code:
        for call in cell.calls():
            name = dotted(call.func)
            if name in SEEDS_BY_HAND:
                yield Finding(cell, f"calls {name} by hand")
            if called(call) in GENERATORS and not (call.args or call.keywords):
                yield Finding(cell, f"calls {called(call)}() without a seed")


@rule(
    "vocabulary",
    "one vocabulary (`n_genes`, `n_steps`, `hidden_size`, `x_train`, `y_pred`)",
)
def vocabulary(notebook: Notebook) -> Iterator[Finding]:
    """Look at the names that the notebook itself chooses.

    Softened: names of arguments of other libraries are theirs, and ``n_features`` is
    right where features are no longer genes.
    """
    for cell in notebook.code:
        names = set()
        for node in ast.walk(ast.Module(cell.statements, [])):
            if isinstance(node, ast.Name):
                names.add(node.id)
            elif isinstance(node, ast.arg):
                names.add(node.arg)
        for name in sorted(names & set(VOCABULARY)):
            yield Finding(cell, f"says {name}, in this book {VOCABULARY[name]}")
