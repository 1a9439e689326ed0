"""The guarded server: the application of `deepguard run`, with a detector that answers at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from pydantic import SecretStr

from deepguard.config.models import Config, DetectorEntry, ServerParams, StoreParams
from deepguard.contracts import DetectorType, PluginConfig
from deepguard.density.modes import Mode
from deepguard.density.noting import Arrivals
from deepguard.detectors.local import LocalDetector
from deepguard.model import Judgement, Sample
from deepguard.plugins import PluginHost
from deepguard.runtime import Runtime
from deepguard.server.bind import bind
from deepguard.server.serve import serve

NAME = "density"
HOST = "127.0.0.1"


class NotingDetector(LocalDetector):
    """Notes when each sample came, and says the same of all."""

    name: ClassVar[str] = NAME
    assesses_deepfakes = False
    simulated = True
    local = True

    def __init__(self, arrivals: Arrivals, judgement: Judgement) -> None:
        """Prepare for a call.

        Args:
            arrivals: Where to note.
            judgement: What to say.
        """
        super().__init__()
        self._arrivals = arrivals
        self._judgement = judgement

    def take(self, sample: Sample) -> None:
        """Note the sample, and answer."""
        self._arrivals.note(sample.call_id, sample.source)
        self.answer(sample, self._judgement, "")


async def serve_guarded(
    mode: Mode, calls: int, folder: Path, arrivals: Arrivals, on_started: Callable[[str], None]
) -> None:
    """Serve until a signal comes, as `deepguard run` does.

    Args:
        mode: How tracks are sampled, and what the detector says.
        calls: How many there will be.
        folder: Where the store is put.
        arrivals: Where samples are noted.
        on_started: Told where the server answers.
    """
    host = PluginHost()
    host.detector_types[NAME] = DetectorType(
        NAME, PluginConfig, lambda _config: NotingDetector(arrivals, mode.judgement)
    )
    config = Config(
        video=mode.video,
        audio=mode.audio,
        detector=DetectorEntry(type=NAME, options=PluginConfig()),
        store=StoreParams(url=SecretStr(f"sqlite:///{folder / 'density.db'}")),
        server=ServerParams(host=HOST, port=0, max_calls=calls),
    )
    sockets = bind(HOST, 0)
    url = f"http://{HOST}:{sockets[0].getsockname()[1]}"
    await serve(Runtime(config, host), sockets, lambda: on_started(url))


__all__ = ["HOST", "serve_guarded"]
