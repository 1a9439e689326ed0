"""What calls can be played again from: samples, configurations, labels, shadow policies."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add them."""
    for name, kind in (
        ("config_hash", sa.Text()),
        ("policy", sa.Text()),
        ("thresholds", sa.Text()),
        ("policy_failed", sa.Text()),
        ("size", COUNTER),
        ("imported_at", sa.Double()),
    ):
        op.add_column("calls", sa.Column(name, kind, nullable=True))
    for columns in (["ended_at", "size"], ["started_at"], ["config_hash"]):
        op.create_index(op.f(f"ix_calls_{'_'.join(columns)}"), "calls", columns, unique=False)
    op.add_column("transitions", sa.Column("rule", sa.Text(), nullable=True))
    op.add_column("transitions", sa.Column("verdicts", sa.Integer(), nullable=True))
    op.create_table(
        "samples",
        sa.Column("id", COUNTER, autoincrement=True, nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("sample_id", sa.Text(), nullable=False),
        sa.Column("participant_id", sa.Text(), nullable=False),
        sa.Column("track_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("captured_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_samples")),
    )
    op.create_index(op.f("ix_samples_call_id_id"), "samples", ["call_id", "id"], unique=False)
    op.create_table(
        "configurations",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("places", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_configurations")),
    )
    op.create_table(
        "labels",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=True),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("participant_id", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_labels")),
    )
    op.create_index(op.f("ix_labels_call_id"), "labels", ["call_id"], unique=False)
    op.create_table(
        "shadows",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("thresholds", sa.Text(), nullable=False),
        sa.Column("failed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("call_id", "name", name=op.f("pk_shadows")),
    )
    op.create_table(
        "shadow_transitions",
        sa.Column("id", COUNTER, autoincrement=True, nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("shadow", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("participant_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("verdicts", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shadow_transitions")),
    )
    op.create_index(op.f("ix_shadow_transitions_call_id_id"), "shadow_transitions", ["call_id", "id"], unique=False)
