"""`deepguard new-plugin`: a package with a notifier of one's own, or the file of a policy of one's own."""

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

_POLICY_FILES = {"$module.py": "policy.py", "test_$module.py": "test_policy.py"}


def new_plugin(
    name: Annotated[str, typer.Argument(help="What `type:` in deepguard.yaml will say, for example pager.")],
    directory: Annotated[Path, typer.Option("--directory", help="The folder to write deepguard-NAME into.")] = Path(),
    policy: Annotated[
        bool, typer.Option("--policy", help="Write an alert policy instead: a file, and its test.")
    ] = False,
) -> None:
    """Write a package with a notifier of your own, which passes the contract of all notifiers."""
    _check_name(name)
    if policy:
        _new_policy(name, directory)
        return
    if name in find_entry_points(distributions()):
        raise DeepguardError(f"a plugin named '{name}' is installed already: choose another name")
    words = {
        "name": name,
        "NAME": name.upper().replace("-", "_"),
        "Class": _class_name(name),
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


def _new_policy(name: str, directory: Path) -> None:
    words = {"name": name, "Class": _class_name(name), "module": f"{name.replace('-', '_')}_policy"}
    paths = {directory / Template(path).substitute(words): template for path, template in _POLICY_FILES.items()}
    for path in paths:
        if path.exists():
            raise DeepguardError(f"{path} is there already: choose another name, or another --directory")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, template in paths.items():
            with path.open("x", encoding="utf-8") as file:
                file.write(_filled(template, words))
    except OSError as error:
        raise DeepguardError(f"{directory} cannot be written: {error.strerror}") from None
    policy, test = paths
    typer.echo(f"""\
Wrote {policy} and {test}. Next:
  python -m pip install pytest hypothesis
  python -m pytest {test}      (the contract passes; keep it so)
Then make {policy.name} decide as you want, and name it in a deepguard.yaml beside it:
  policy:
    plugin: ./{policy.name}""")


def _class_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > LONGEST:
        raise DeepguardError(
            f"'{one_line(name, 80)}' cannot be the name of a plugin: lower-case letters and digits, words joined by a "
            f"dash, a letter first, at most {LONGEST} characters"
        )


def _filled(template: str | None, words: dict[str, str]) -> str:
    if template is None:
        return ""
    text = files("deepguard.cli").joinpath("templates", f"{template}.tmpl").read_text(encoding="utf-8")
    return Template(text).substitute(words)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
