"""`deepguard init`: a first configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepguard.errors import DeepguardError

TEMPLATE = """\
# yaml-language-server: $schema=./config/deepguard.schema.json
#
# The configuration of deepguard. Each setting here has its default; what you leave out keeps it.
#   deepguard check                                          tells whether this file is good
#   deepguard schema --output config/deepguard.schema.json   lets your editor complete and explain settings
#   deepguard plugins                                        lists detectors, notifiers and policies
# ${NAME} and ${NAME:-default} stand for environment variables, also from a file .env; $$ is a dollar sign.

video:
  burst_fps: 1            # samples a second while SUSPICIOUS or ALERT
  normal_fps: 0.2         # samples a second otherwise
  quality: 75             # of the picture, 1 to 100
  format: jpeg            # or webp
  # max_edge: 1280        # pixels; larger pictures are scaled down
  screen: false           # true: sample a shared screen, too
  decode: sampled         # of a WebRTC call: what samples need; all: everything (docs/performance.md)

audio:
  sample_rate: 16000      # Hz
  sample_size: 48000      # 3 seconds a sample
  interval: 60            # seconds from one sample to the next
  burst_interval: 10      # the same while SUSPICIOUS or ALERT

detector:
  type: auto              # dataspike when DATASPIKE_API_KEY is set, else embedded

policy:
  thresholds:             # verdicts in a row (3), of the latest (3 of 5), or for so long (10 s)
    suspicious_after: 1   # to rise to SUSPICIOUS
    alert_after: 1        # to rise to ALERT
    clear_after: 1        # to fall back
    # scores: {suspicious: {rise: 0.6, fall: 0.5}, alert: {rise: 0.85, fall: 0.7}, half_life: 5}
    dwell: 0              # seconds that a level lasts before it may fall
    # max_age: 300        # seconds after which a verdict counts for nothing
    tracks: {combine: any}       # how sound and picture combine: any, both, weighted
    detectors: {combine: any}    # how several detectors combine: any, quorum, weighted
  # plugin: ./my_policy.py
  time_limit: 1           # seconds that a plugin's policy may take for one verdict
  # shadow:               # policies that run beside this one, notify nobody, and are compared with it
  #   - {name: strict, thresholds: {alert_after: 1, clear_after: 5}}
  #   - {name: mine, plugin: ./my_policy.py}

coverage:
  media_timeout: 3        # seconds without a frame until the camera counts as off
  answer_timeout: 15      # seconds without a verdict until a track counts as blind
  black_after: 0          # seconds that the picture must be black to count as black
  frozen_after: 1.5       # seconds, and three samples, that it must be the same to count as frozen
  notify_after: 10        # seconds blind until notifiers are told
  notify:                 # the same for single reasons (docs/alerts.md); off: they are not told
    no_speech: off
    # no_face: 30

notifiers:
  - type: log
    on: [alert, updated, repeated, acknowledged, resolved, coverage_lost, coverage_regained]
    repeat_every: 900     # seconds until an incident that lasts is told again; 0: never

store:
  url: sqlite:///deepguard.db   # or postgresql://user:password@host/database, which several hosts may share
  keep_days: 30           # of history
  # max_size: 2 GB        # of recorded calls; when there is more, the oldest go

in_call:
  messages: off           # participant: the watched participant is told, who may be the suspect

server:
  host: localhost
  port: 7860
"""


def init(
    path: Annotated[Path, typer.Argument(help="The file to write, or the folder to write deepguard.yaml into.")] = Path(
        "deepguard.yaml"
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a first configuration, with comments."""
    target = path / "deepguard.yaml" if path.is_dir() else path
    try:
        with target.open("w" if force else "x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise DeepguardError(f"{target} is there already; --force replaces it") from None
    except OSError as error:
        raise DeepguardError(f"{target} cannot be written: {error.strerror}") from None
    typer.echo(f"Wrote {target}. Next: `deepguard check`, then `deepguard run`.")
