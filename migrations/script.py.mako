"""${message}.

Revision ID: ${up_revision}
Revises: ${down_revision or ""}
"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    """State what changes for whom."""
    ${upgrades if upgrades else "op.execute('')"}


def downgrade() -> None:
    """Take it back, or say why not."""
    ${downgrades if downgrades else "op.execute('')"}
