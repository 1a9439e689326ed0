"""Files that are wrong, each named after its fault: what is said, where, and that no value is told.

To see what a file gives now: ``deepguard check tests/config/bad/NAME.yaml``.
"""

from pathlib import Path

import pytest

from deepguard.config.loading import load_config
from deepguard.errors import ConfigError

BAD = Path(__file__).parent / "bad"
CANARY = "c4n4ry-5ecret"
ENVIRON = {"CANARY": CANARY, "EMPTY": "", "DATASPIKE_API_KEY": f"key-{CANARY}"}
NAMES = sorted(path.stem for path in BAD.glob("*.yaml"))


def problems(name, host, environ=ENVIRON):
    with pytest.raises(ConfigError) as caught:
        load_config(BAD / f"{name}.yaml", host, environ)
    assert str(caught.value).count("\n") + 1 == len(caught.value.problems), "each problem is one line"
    return [str(problem).removeprefix(f"{BAD / name}.yaml:").strip() for problem in caught.value.problems]


@pytest.mark.parametrize("name", NAMES)
def test_says_exactly_what_is_wrong_and_where(name, host):
    found = problems(name, host)
    assert found == (BAD / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert CANARY not in "\n".join(found)


def test_every_expectation_has_its_file():
    assert sorted(path.stem for path in BAD.glob("*.txt")) == NAMES
    assert len(NAMES) >= 80
