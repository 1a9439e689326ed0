"""The tables. Every time is a Unix time in seconds; JSON is text, so that both databases hold exactly what was written.

A change here needs a migration. Migrations only add what the version before need not know, so that its hosts go on
working beside newer ones.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Counter = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows by itself only for INTEGER
Time = sa.Double

processes = sa.Table(
    "processes",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started_at", Time, nullable=False),
    sa.Column("seen_at", Time, nullable=False),
)
"""Who guards calls. One that has not been seen for long is gone, and its calls with it."""

calls = sa.Table(
    "calls",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("process_id", sa.Text, nullable=False),
    sa.Column("started_at", Time, nullable=False),
    sa.Column("ended_at", Time),
    sa.Column("reason", sa.Text),
    sa.Column("metadata", sa.Text, nullable=False),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("simulated", sa.Boolean, nullable=False),
    sa.Column("config_hash", sa.Text),
    sa.Column("policy", sa.Text),
    sa.Column("thresholds", sa.Text),
    sa.Column("policy_failed", sa.Text),
    sa.Column("size", Counter),
    sa.Column("imported_at", Time),
    sa.Index(None, "ended_at", "process_id"),
    sa.Index(None, "ended_at", "size"),
    sa.Index(None, "started_at"),
    sa.Index(None, "config_hash"),
)
"""``policy`` says where the alert policy came from, ``policy_failed`` why the built-in one took over; ``size`` is how
many bytes what was recorded of the call takes, known once it has ended; ``imported_at`` when it came from elsewhere.
"""

verdicts = sa.Table(
    "verdicts",
    metadata,
    sa.Column("id", Counter, primary_key=True, autoincrement=True),
    sa.Column("call_id", sa.Text, nullable=False),
    sa.Column("received_at", Time, nullable=False),
    sa.Column("participant_id", sa.Text, nullable=False),
    sa.Column("track_id", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("judgement", sa.Text, nullable=False),
    sa.Column("score", Time),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("sample_id", sa.Text),
    sa.Column("captured_at", Time),
    sa.Column("signals", sa.Text, nullable=False),
    sa.Column("blind", sa.Text),
    sa.Index(None, "call_id", "id"),
)

transitions = sa.Table(
    "transitions",
    metadata,
    sa.Column("id", Counter, primary_key=True, autoincrement=True),
    sa.Column("call_id", sa.Text, nullable=False),
    sa.Column("at", Time, nullable=False),
    sa.Column("participant_id", sa.Text, nullable=False),
    sa.Column("source", sa.Text),
    sa.Column("what", sa.Text, nullable=False),  # level, coverage, disagreement
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("rule", sa.Text),
    sa.Column("verdicts", sa.Integer),
    sa.Index(None, "call_id", "id"),
)

samples = sa.Table(
    "samples",
    metadata,
    sa.Column("id", Counter, primary_key=True, autoincrement=True),
    sa.Column("call_id", sa.Text, nullable=False),
    sa.Column("sample_id", sa.Text, nullable=False),
    sa.Column("participant_id", sa.Text, nullable=False),
    sa.Column("track_id", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("captured_at", Time, nullable=False),
    sa.Column("ended_at", Time, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("format", sa.Text),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Index(None, "call_id", "id"),
)
"""What is known of each sample that has ended, its bytes left out."""

configurations = sa.Table(
    "configurations",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("places", sa.Text, nullable=False),
)
"""The configurations that calls were guarded with, without secrets; ``places`` has each setting's line and column."""

labels = sa.Table(
    "labels",
    metadata,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("incident_id", sa.Text),
    sa.Column("call_id", sa.Text, nullable=False),
    sa.Column("participant_id", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("at", Time, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Index(None, "call_id"),
)
"""What people found out. ``subject`` is the incident's id, or call and participant of one that was missed."""

shadows = sa.Table(
    "shadows",
    metadata,
    sa.Column("call_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("thresholds", sa.Text, nullable=False),
    sa.Column("failed", sa.Text),
)
"""The policies that ran beside the live one. ``failed`` says why one ended before its call."""

shadow_transitions = sa.Table(
    "shadow_transitions",
    metadata,
    sa.Column("id", Counter, primary_key=True, autoincrement=True),
    sa.Column("call_id", sa.Text, nullable=False),
    sa.Column("shadow", sa.Text, nullable=False),
    sa.Column("at", Time, nullable=False),
    sa.Column("participant_id", sa.Text, nullable=False),
    sa.Column("source", sa.Text),
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("rule", sa.Text),
    sa.Column("verdicts", sa.Integer),
    sa.Index(None, "call_id", "id"),
)
"""Changes of level that a shadow policy would have made."""

incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("call_id", sa.Text, nullable=False),
    sa.Column("participant_id", sa.Text, nullable=False),
    sa.Column("opened_at", Time, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
    sa.Column("resolved_at", Time),
    sa.Column("resolution", sa.Text),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("peak", sa.Text, nullable=False),
    sa.Column("sources", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("context", sa.Text, nullable=False),
    sa.Column("acknowledged_at", Time),
    sa.Column("acknowledged_by", sa.Text, nullable=False),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("simulated", sa.Boolean, nullable=False),
    sa.Index(None, "call_id"),
    sa.Index(None, "resolved_at", "opened_at"),
)

pictures = sa.Table(
    "pictures",
    metadata,
    sa.Column("incident_id", sa.Text, primary_key=True),
    sa.Column("format", sa.Text, nullable=False),
    sa.Column("captured_at", Time, nullable=False),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
)
"""Biometric data; deleted as soon as nothing that would show it waits any more."""

notifications = sa.Table(
    "notifications",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index(None, "created_at"),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", Counter, primary_key=True, autoincrement=True),
    sa.Column("notification_id", sa.Text, nullable=False),
    sa.Column("notifier", sa.Text, nullable=False),
    sa.Column("dedupe_key", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("call_id", sa.Text, nullable=False),
    sa.Column("incident_id", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("due_at", Time, nullable=False),
    sa.Column("expires_at", Time, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("faults", sa.Integer, nullable=False),
    sa.Column("unsure", sa.Boolean, nullable=False),
    sa.Column("lease_owner", sa.Text),
    sa.Column("lease_until", Time),
    sa.Column("ended_at", Time),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("thread", sa.Text, nullable=False),
    sa.Column("digest_id", Counter),
    sa.UniqueConstraint("notifier", "dedupe_key"),
    sa.Index(None, "status", "notifier", "due_at"),
    sa.Index(None, "incident_id", "notifier", "id"),
    sa.Index(None, "notification_id"),
    sa.Index(None, "digest_id"),
    sa.Index(None, "ended_at"),
)
"""The outbox. ``faults`` counts attempts that the notifier's own code broke, which is no fault of the destination;
``unsure`` means that nobody knows how some attempt ended: it may have arrived.
"""

destinations = sa.Table(
    "destinations",
    metadata,
    sa.Column("notifier", sa.Text, primary_key=True),
    sa.Column("tokens", Time, nullable=False),
    sa.Column("refilled_at", Time, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("blocked_until", Time, nullable=False),
    sa.Column("probing_until", Time, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("refused", sa.Boolean, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)
"""Breaker and token bucket of each destination, shared by every process."""

silences = sa.Table(
    "silences",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("starts_at", Time, nullable=False),
    sa.Column("ends_at", Time, nullable=False),
    sa.Column("matchers", sa.Text, nullable=False),
    sa.Index(None, "ends_at"),
)

secrets = sa.Table(
    "secrets",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)
"""What all hosts must know and nobody else: the key that signs acknowledgement links."""
