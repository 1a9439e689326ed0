"""For the tests of plugin and policy authors: ready-made nouns, and a notifier that remembers what it was handed."""

from deepguard.testing.factories import make_notification, make_verdict
from deepguard.testing.notifiers import RecordingNotifier

__all__ = ["RecordingNotifier", "make_notification", "make_verdict"]
