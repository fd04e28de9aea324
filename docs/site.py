"""What the site has beside the pages of docs/: README as its start, and pages made of the code.

mkdocs calls `on_files` and `on_page_markdown` (see mkdocs.yml).
"""

from __future__ import annotations

import ast
import pathlib
import re
import tokenize
from collections.abc import Iterator

from mkdocs.structure.files import File
from ml_collections import ConfigDict

import gan_jax.config

_ROOT = pathlib.Path(__file__).resolve().parent.parent
_DEFAULTS = _ROOT / "gan_jax" / "config" / "defaults.py"
_KINDS = {
    "gan_config": ("A GAN", "Super-resolution and a sweep are GANs too."),
    "cnn_config": (
        "A recogniser",
        "`config.judge.train`, `config.judge.train_beside` and `config.recogniser` hold such "
        "fields.",
    ),
    "study_config": ("A study", "`config.gan` and `config.recogniser` hold the fields above."),
}
_API = {
    "In a call each": ["gan_jax.run.api", "gan_jax.config.experiments", "gan_jax.reports.result"],
    "Pure steps": [
        "gan_jax.steps.updates",
        "gan_jax.steps.state",
        "gan_jax.steps.losses",
        "gan_jax.steps.penalties",
        "gan_jax.steps.augment",
        "gan_jax.steps.schedules",
    ],
    "Metrics": [
        "gan_jax.metrics.frechet",
        "gan_jax.metrics.kernel",
        "gan_jax.metrics.neighbours",
        "gan_jax.metrics.classifier",
        "gan_jax.metrics.memorisation",
        "gan_jax.metrics.vendi",
        "gan_jax.metrics.two_sample",
    ],
    "Data and extractors": [
        "gan_jax.data.loading",
        "gan_jax.data.dataset",
        "gan_jax.extractors.extractor",
        "gan_jax.extractors.pack",
    ],
}


def on_files(files, config):
    """Adds the pages that are no files of docs/."""
    made = {
        "index.md": (_ROOT / "README.md").read_text().replace("](docs/", "]("),
        "benchmarks.md": (_ROOT / "benchmarks" / "README.md").read_text(),
        "config_fields.md": _config_page(),
        "api.md": _api_page(),
    }
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown, *, page, config, files):
    """Points links at README and benchmarks/ to their pages here; other files are no pages."""
    links = {
        "../README.md": "index.md",
        "../benchmarks/README.md": "benchmarks.md",
        "../../README.md": "../index.md",  # of docs/tutorials/
    }
    if page.file.src_uri == "index.md":
        links = {"benchmarks/README.md": "benchmarks.md"}
    if page.file.src_uri == "benchmarks.md":
        links = {"../docs/": ""}
    for old, new in links.items():
        markdown = markdown.replace(f"]({old}", f"]({new}")
    return markdown


def _api_page() -> str:
    lines = ["# API", "", "For anybody who imports the package.", ""]
    for heading, modules in _API.items():
        lines += [f"## {heading}", ""]
        for module in modules:
            lines += [f"::: {module}", "    options:", "      heading_level: 3", ""]
    return "\n".join(lines)


def _config_page() -> str:
    lines = [
        "# All fields of a config",
        "",
        "For anybody who looks for a field. It is set by `--config.FIELD=VALUE`, or in a file of",
        "`configs/`. The texts are the comments of `gan_jax/config/defaults.py`.",
        "",
    ]
    defaults = _Defaults()
    for function, (title, note) in _KINDS.items():
        made = getattr(gan_jax.config, function)()  # some fields are taken out again
        lines += [f"## {title}", "", note, "", "| field | default | |", "|---|---|---|"]
        for path, default, text in defaults.fields(function):
            if not _has(made, path.split(".")):
                continue
            lines.append(f"| `{path}` | `{default}` | {text.replace('|', '&#124;')} |")
        lines.append("")
    return "\n".join(lines)


def _has(config: ConfigDict, names: list[str]) -> bool:
    first, *rest = names
    return first in config and (not rest or _has(config[first], rest))


class _Defaults:
    """The fields of defaults.py, with the comments beside and above them."""

    def __init__(self) -> None:
        source = _DEFAULTS.read_text()
        self._source = source
        self._functions = {
            node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)
        }
        self._beside: dict[int, str] = {}
        self._alone: dict[int, str] = {}
        with _DEFAULTS.open("rb") as file:
            for token in tokenize.tokenize(file.readline):
                if token.type == tokenize.COMMENT:
                    kept = self._beside if token.line[: token.start[1]].strip() else self._alone
                    kept[token.start[0]] = token.string.lstrip("# ")

    def fields(self, function: str, prefix: str = "") -> Iterator[tuple[str, str, str]]:
        """Dotted name, default and text of each field that a function makes."""
        for node in self._functions[function].body:
            if isinstance(node, ast.Return):
                yield from self._of(node.value, prefix, node)
            if not isinstance(node, ast.Assign):
                continue
            names = self._names(node.targets[0])
            if names is not None:
                yield from self._of(
                    node.value, ".".join([*prefix.split("."), *names]).strip("."), node
                )

    def _of(self, value: ast.expr, path: str, node: ast.AST) -> Iterator[tuple[str, str, str]]:
        called = value.func.id if isinstance(value, ast.Call) and hasattr(value.func, "id") else ""
        if called == "_section":
            for keyword in value.keywords:
                inner = f"{path}.{keyword.arg}".strip(".")
                yield from self._of(keyword.value, inner, keyword)
        elif called in self._functions and called != "_part_of_a_study":
            yield from self.fields(called, path)
        elif path and called not in ("ConfigDict", "_part_of_a_study"):
            default = ast.get_source_segment(self._source, value)
            yield path, "None" if called == "placeholder" else default, self._text(node)

    @staticmethod
    def _names(target: ast.expr) -> list[str] | None:
        """The attributes that are set on a config; [] for the config itself."""
        names: list[str] = []
        while isinstance(target, ast.Attribute):
            names.insert(0, target.attr)
            target = target.value
        known = isinstance(target, ast.Name) and target.id in ("config", "section", "optimizer")
        return names if known else None

    def _text(self, node: ast.AST) -> str:
        above, line = [], node.lineno - 1
        while line in self._alone:
            above.insert(0, self._alone[line])
            line -= 1
        return re.sub(
            r"\s+", " ", " ".join([*above, self._beside.get(node.end_lineno, "")])
        ).strip()
