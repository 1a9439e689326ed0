"""Whatever the file holds: a configuration, or a list of problems; never another exception."""

import re
import string

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepguard.config.expand import expand
from deepguard.config.loading import load_config
from deepguard.config.models import Config
from deepguard.config.reading import MAX_BYTES
from deepguard.config.suggest import closest
from deepguard.errors import ConfigError
from deepguard.plugins import PluginHost

SECRET = "c4n4ry-5ecret"
ENVIRON = {"A": SECRET, "B": "", "DATASPIKE_API_KEY": "key"}

# A file may take its time on a busy machine; that it ends at all is what pytest's time limit holds.
QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
settings_names = st.sampled_from(
    [*Config.model_fields, "type", "name", "on", "timeout", "port", "host", "thresholds", "plugin", "quality", "path"]
)
words = st.sampled_from(["log", "auto", "scenario", "${A}", "${B:-7}", "$$", "${", "alert", "./x.py", "on", "8"])
documents = st.recursive(
    scalars | words,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(settings_names | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)
syntax = st.text(alphabet="{}[]:,-&*!|>'\"%@` \n\t#?<~ab1$" + string.ascii_lowercase, max_size=200)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "deepguard.yaml"


@pytest.fixture(scope="module")
def built_in_host():
    return PluginHost()


def try_to_load(path, host, content: bytes):
    path.write_bytes(content)
    problems = []
    try:
        config = load_config(path, host, ENVIRON)
    except ConfigError as error:
        problems = error.problems
        fine = bool(problems)
    else:
        fine = isinstance(config, Config)
    assert fine
    # The end of a file without a last line break counts as one more line.
    breaks = len(re.split(rb"\r|\n|\xc2\x85|\xe2\x80[\xa8\xa9]", content))
    for problem in problems:
        assert problem.message
        assert str(problem).isprintable()
        assert SECRET not in str(problem)
        assert 0 <= problem.line <= breaks + 1


@pytest.mark.parametrize(
    ("start", "repeated", "times", "end"),
    [
        (b"a: ", b"9", 5000, b""),
        (b"a: 1.5e", b"9", 5000, b""),
        (b"", b"[", 100_000, b""),
        (b"", b"{a: ", 50_000, b""),
        (b"", b"- ", 100_000, b""),
        (b"", b"? ", 100_000, b""),
        (b"", b"!", 100_000, b""),
        (b"", b"&", 100_000, b""),
        (b"a: |\n", b" ", 100_000, b""),
        (b"a: '", b"x\n", 100_000, b"'"),
        (b"a: [", b"1,", 100_000, b"]"),
        (b"a: {", b"?,", 50_000, b"}"),
        (b"video: {", b"<<: 1, ", 1000, b"}"),
        (b"", b"#", MAX_BYTES, b""),
        (b"a: ", b"${", 50_000, b""),
        (b"a: '", b"${A}", 50_000, b"'"),
        (b"", b"a" * 1000, 100, b": 1"),
        (b"server: {", b"a" * 1000, 100, b": 1}"),
        (b"? {a: b}\n: c\n", b"", 0, b""),
    ],
)
def test_too_much_of_one_thing(path, built_in_host, start, repeated, times, end):
    try_to_load(path, built_in_host, start + repeated * times + end)


@QUICK
@given(content=st.binary(max_size=300))
def test_bytes(path, built_in_host, content):
    try_to_load(path, built_in_host, content)


@QUICK
@given(text=syntax | st.text(max_size=200))
def test_text(path, built_in_host, text):
    try_to_load(path, built_in_host, text.encode("utf-8", "surrogatepass"))


@QUICK
@given(document=st.dictionaries(settings_names, documents, max_size=8), flow=st.booleans())
def test_documents(path, built_in_host, document, flow):
    text = yaml.safe_dump(document, default_flow_style=flow, allow_unicode=True)
    try_to_load(path, built_in_host, text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("width", [2, 9])
@pytest.mark.parametrize("form", ["[{}]", "{{<<: [{}]}}"])
@pytest.mark.parametrize("depth", [3, 30, 3000])
def test_bombs_of_aliases(path, built_in_host, width, form, depth):
    lines = ["a0: &a0 " + ("[x]" if form == "[{}]" else "{x: 1}")]
    lines += [f"a{i}: &a{i} " + form.format(", ".join([f"*a{i - 1}"] * width)) for i in range(1, depth)]
    try_to_load(path, built_in_host, "\n".join(lines).encode())


@given(text=st.text(alphabet=string.ascii_letters + "-_. {}:$\n", max_size=50))
def test_text_without_references_stays(text):
    plain = text.replace("$", "")
    assert expand(plain, {}) == (plain, [])
    assert expand(plain.replace("", "$$"), {})[1] == []
    assert expand(f"${plain[:0]} {plain}", {}) == (f"$ {plain}", [])


@given(
    before=st.text(alphabet="ab $", max_size=5),
    value=st.text(max_size=20),
    default=st.text(alphabet="xy:-", max_size=5),
)
def test_references(before, value, default):
    start, environ = before.replace("$", ""), {"NAME": value}
    assert expand(f"{start}${{NAME}}!", environ) == (f"{start}{value}!", [])
    assert expand(f"{start}${{NAME:-{default}}}", environ) == (start + (value or default), [])
    assert expand(f"{start}$${{NAME}}", environ) == (f"{start}${{NAME}}", [])
    assert expand(f"{start}${{GONE:-{default}}}", environ) == (start + default, [])
    assert len(expand(f"${{GONE}}{start}${{GONE TOO}}", environ)[1]) == 2


@given(word=st.text(max_size=100), candidates=st.lists(st.text(max_size=20), max_size=5))
def test_a_guess_is_one_of_the_candidates(word, candidates):
    assert closest(word, candidates) in [None, *candidates]
    assert not candidates or not word or closest(candidates[0], candidates) in [None, *candidates]


@pytest.mark.parametrize(
    ("word", "guess"),
    [
        ("fsp", "burst_fps"),
        ("burstfps", "burst_fps"),
        ("burst-fps", "burst_fps"),
        ("NORMAL_FPS", "normal_fps"),
        ("qualty", "quality"),
        ("colour", None),
        ("", None),
    ],
)
def test_guesses(word, guess):
    assert closest(word, ["burst_fps", "normal_fps", "quality", "format", "max_edge", "screen"]) == guess
