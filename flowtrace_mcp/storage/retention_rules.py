"""How long spans, log records and points are kept: rules of the whole file and of projects."""

from typing import Final

import apsw
import msgspec

CREATE: Final = """
    CREATE TABLE retention_rules (
        project_id INTEGER NOT NULL,
        sensitivity INTEGER NOT NULL,
        keep_days INTEGER,
        keep_bytes INTEGER,
        PRIMARY KEY (project_id, sensitivity)
    ) STRICT, WITHOUT ROWID;
"""
_SET: Final = """
    INSERT INTO retention_rules (project_id, sensitivity, keep_days, keep_bytes)
    VALUES (?, ?, ?, ?)
    ON CONFLICT (project_id, sensitivity) DO UPDATE SET
        keep_days = excluded.keep_days, keep_bytes = excluded.keep_bytes
"""
_LIST: Final = """
    SELECT project_id, sensitivity, keep_days, keep_bytes FROM retention_rules
    ORDER BY project_id, sensitivity LIMIT ?
"""
_DELETE: Final = "DELETE FROM retention_rules WHERE project_id = ? AND sensitivity = ?"
RULES_LIMIT: Final = 10_000
ALL_PROJECTS: Final = -1  # 0 is the project of spans that belong to none yet


class RetentionRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule.

    Attributes:
        project_id: Of this project, or ``ALL_PROJECTS``: of those without a rule of their own.
        sensitivity: Of spans with any of these bits; 0 = of all.
        keep_days: Older ones go; None = none for their age.
        keep_bytes: The oldest go until the rest takes no more; None = none for their size.
    """

    project_id: int = ALL_PROJECTS
    sensitivity: int = 0
    keep_days: int | None = None
    keep_bytes: int | None = None


def set_rule(connection: apsw.Connection, rule: RetentionRule) -> None:
    """Set the rule of a project and sensitivity."""
    connection.execute(_SET, (rule.project_id, rule.sensitivity, rule.keep_days, rule.keep_bytes))


def list_rules(reader: apsw.Connection) -> list[RetentionRule]:
    """Return all rules."""
    return [
        RetentionRule(project_id=one, sensitivity=bits, keep_days=days, keep_bytes=size)
        for one, bits, days, size in reader.execute(_LIST, (RULES_LIMIT,))
    ]


def delete_rule(connection: apsw.Connection, project_id: int, sensitivity: int) -> bool:
    """Remove a rule; say whether there was one."""
    connection.execute(_DELETE, (project_id, sensitivity))
    return connection.changes() > 0
