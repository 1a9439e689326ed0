"""deepguard guards live calls against face swaps and cloned voices.

Everything public is here: plugins, policies and bots import from nowhere else (tests of theirs also from
``deepguard.testing``). Names are loaded when they are first used, so that ``import deepguard`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepguard.config.models import AudioParams, VideoParams
    from deepguard.contracts import (
        Acknowledge,
        Detector,
        DetectorEvent,
        DetectorType,
        Notifier,
        NotifierType,
        PluginConfig,
        Policy,
        PolicyStep,
    )
    from deepguard.errors import ConfigError, DeepguardError, DetectorError, NotifyError, PluginError, StoreError
    from deepguard.guard.guard import Guard
    from deepguard.hookspecs import hookimpl
    from deepguard.model import (
        BlindReason,
        Call,
        Coverage,
        CoverageChanged,
        Delivery,
        DeliveryStatus,
        DetectorHealth,
        DisagreementChanged,
        HealthState,
        Incident,
        Judgement,
        Label,
        Labelled,
        Level,
        LevelChanged,
        Notification,
        NotificationKind,
        Picture,
        Resolution,
        Sample,
        SampleEnded,
        SampleFormat,
        SampleOutcome,
        SampleRecord,
        Source,
        Transition,
        Verdict,
    )
    from deepguard.net import is_loopback
    from deepguard.pipeline.dataspike import (
        DataspikeDeepfakeProcessor,
        DeepfakeStreamingSchemaResultEvent,
        EventType,
    )
    from deepguard.pipeline.processor import DeepfakeGuardProcessor
    from deepguard.pipeline.receive.path import ReceivePath
    from deepguard.policy.machine import ThresholdPolicy
    from deepguard.runtime import Runtime
    from deepguard.text import level_words, one_line
    from deepguard.thresholds import After, CombineDetectors, CombineTracks, ScoreBand, Scores, Thresholds

_HOMES = {
    "deepguard.config.models": ("AudioParams", "VideoParams"),
    "deepguard.contracts": (
        "Acknowledge",
        "Detector",
        "DetectorEvent",
        "DetectorType",
        "Notifier",
        "NotifierType",
        "PluginConfig",
        "Policy",
        "PolicyStep",
    ),
    "deepguard.errors": ("ConfigError", "DeepguardError", "DetectorError", "NotifyError", "PluginError", "StoreError"),
    "deepguard.hookspecs": ("hookimpl",),
    "deepguard.model": (
        "BlindReason",
        "Call",
        "Coverage",
        "CoverageChanged",
        "Delivery",
        "DeliveryStatus",
        "DetectorHealth",
        "DisagreementChanged",
        "HealthState",
        "Incident",
        "Judgement",
        "Label",
        "Labelled",
        "Level",
        "LevelChanged",
        "Notification",
        "NotificationKind",
        "Picture",
        "Resolution",
        "Sample",
        "SampleEnded",
        "SampleFormat",
        "SampleOutcome",
        "SampleRecord",
        "Source",
        "Transition",
        "Verdict",
    ),
    "deepguard.guard.guard": ("Guard",),
    "deepguard.pipeline.dataspike": (
        "DataspikeDeepfakeProcessor",
        "DeepfakeStreamingSchemaResultEvent",
        "EventType",
    ),
    "deepguard.pipeline.processor": ("DeepfakeGuardProcessor",),
    "deepguard.pipeline.receive.path": ("ReceivePath",),
    "deepguard.policy.machine": ("ThresholdPolicy",),
    "deepguard.net": ("is_loopback",),
    "deepguard.runtime": ("Runtime",),
    "deepguard.text": ("level_words", "one_line"),
    "deepguard.thresholds": ("After", "CombineDetectors", "CombineTracks", "ScoreBand", "Scores", "Thresholds"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

# Written out, since type checkers and editors read nothing else.
__all__ = [
    "Acknowledge",
    "After",
    "AudioParams",
    "BlindReason",
    "Call",
    "CombineDetectors",
    "CombineTracks",
    "ConfigError",
    "Coverage",
    "CoverageChanged",
    "DataspikeDeepfakeProcessor",
    "DeepfakeGuardProcessor",
    "DeepfakeStreamingSchemaResultEvent",
    "DeepguardError",
    "Delivery",
    "DeliveryStatus",
    "Detector",
    "DetectorError",
    "DetectorEvent",
    "DetectorHealth",
    "DetectorType",
    "DisagreementChanged",
    "EventType",
    "Guard",
    "HealthState",
    "Incident",
    "Judgement",
    "Label",
    "Labelled",
    "Level",
    "LevelChanged",
    "Notification",
    "NotificationKind",
    "Notifier",
    "NotifierType",
    "NotifyError",
    "Picture",
    "PluginConfig",
    "PluginError",
    "Policy",
    "PolicyStep",
    "ReceivePath",
    "Resolution",
    "Runtime",
    "Sample",
    "SampleEnded",
    "SampleFormat",
    "SampleOutcome",
    "SampleRecord",
    "ScoreBand",
    "Scores",
    "Source",
    "StoreError",
    "ThresholdPolicy",
    "Thresholds",
    "Transition",
    "Verdict",
    "VideoParams",
    "__version__",
    "hookimpl",
    "is_loopback",
    "level_words",
    "one_line",
]

__version__: str


def __getattr__(name: str) -> object:
    if name == "__version__":
        value: object = _version()
    elif name in _HOME_OF:
        value = getattr(import_module(_HOME_OF[name]), name)
    else:
        raise AttributeError(f"module 'deepguard' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pipecat-deepguard")
    except PackageNotFoundError:
        return "0+unknown"
