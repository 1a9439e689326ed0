"""Silences in the configuration: how times may be written, and on whose clock."""

import pytest

from deepguard.config.loading import load_config
from deepguard.errors import ConfigError


def load(tmp_path, host, window):
    path = tmp_path / "deepguard.yaml"
    path.write_text(f"silences:\n  - {{name: nights, {window}}}\n")
    return load_config(path, host, {}).silences[0]


@pytest.mark.parametrize("start", ["22:00", "'22:00'", '"22:00"'])
def test_times_need_no_quotes(tmp_path, host, start):
    # YAML 1.1 reads 22:00 as a number in base 60.
    window = load(tmp_path, host, f"start: {start}, end: 6:05")
    assert (window.start, window.end, window.timezone) == ("22:00", "06:05", "UTC")


@pytest.mark.parametrize(
    "time", ["24:00", "22:60", "22", "2200", "22:00:00", "-1:00", "\u0662\u0662:\u0661\u0661", "true", "[1]"]
)
def test_what_is_no_time_of_day_is_refused(tmp_path, host, time):
    with pytest.raises(ConfigError, match=r":2:\d+: silences\[0\]\.start: must be a time of day"):
        load(tmp_path, host, f"start: {time}, end: 06:00")


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "Europe", "../etc/passwd", "''", "1", '"a\\0b"', "x" * 5000])
def test_what_is_no_time_zone_is_refused(tmp_path, host, zone):
    with pytest.raises(ConfigError, match=r"silences\[0\]\.timezone: (must be the name of a time zone|.*control)"):
        load(tmp_path, host, f"start: 22:00, end: 06:00, timezone: {zone}")
