"""`deepguard new-plugin`: a package with a notifier of one's own."""

from __future__ import annotations

import re
from importlib.metadata import distributions
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from deepguard.errors import DeepguardError
from deepguard.plugins.entry_points import find_entry_points
from deepguard.text import one_line

LONGEST = 40
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

_FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    ".gitignore": "gitignore",
    "$module/__init__.py": "init.py",
    "$module/settings.py": "settings.py",
    "$module/notifier.py": "notifier.py",
    "$module/py.typed": None,
    "tests/test_contract.py": "test_contract.py",
}
"""The template of each file that is written; None for one that is empty."""


def new_plugin(
    name: Annotated[str, typer.Argument(help="What `type:` in deepguard.yaml will say, for example pager.")],
    directory: Annotated[Path, typer.Option("--directory", help="The folder to write deepguard-NAME into.")] = Path(),
) -> None:
    """Write a package with a notifier of your own, which passes the contract of all notifiers."""
    _check_name(name)
    words = {
        "name": name,
        "NAME": name.upper().replace("-", "_"),
        "Class": "".join(word.capitalize() for word in name.split("-")),
        "distribution": f"deepguard-{name}",
        "module": f"deepguard_{name.replace('-', '_')}",
    }
    target = directory / words["distribution"]
    try:
        target.mkdir(parents=True)
        for path, template in _FILES.items():
            _write(target / Template(path).substitute(words), _filled(template, words))
    except FileExistsError:
        raise DeepguardError(f"{target} is there already: choose another name, or another --directory") from None
    except OSError as error:
        raise DeepguardError(f"{target} cannot be written: {error.strerror}") from None
    typer.echo(f"""\
Wrote {target}. Next:
  cd {target}
  python -m pip install --editable . --group dev     (pip 25.1 or newer)
  python -m pytest                                   (the contract passes; keep it so)
Then make {words["module"]}/notifier.py talk to your service, and name it in deepguard.yaml:
  notifiers:
    - type: {name}
      url: ${{{words["NAME"]}_URL}}
      token: ${{{words["NAME"]}_TOKEN}}""")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > LONGEST:
        raise DeepguardError(
            f"'{one_line(name, 80)}' cannot be the name of a plugin: lower-case letters and digits, words joined by a "
            f"dash, a letter first, at most {LONGEST} characters"
        )
    if name in find_entry_points(distributions()):
        raise DeepguardError(f"a plugin named '{name}' is installed already: choose another name")


def _filled(template: str | None, words: dict[str, str]) -> str:
    if template is None:
        return ""
    text = files("deepguard.cli").joinpath("templates", f"{template}.tmpl").read_text(encoding="utf-8")
    return Template(text).substitute(words)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
