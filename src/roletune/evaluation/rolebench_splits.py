"""What a training file and a test file of RoleBench share: a test of unseen roles or questions must share none.

In RoleBench's own Chinese files every question of general/test is also one of general/train, asked of another role.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from roletune.evaluation.rolebench_files import RowFile

Kind = Literal["unseen roles", "unseen instructions", "unseen pairs", "leaking"]


@dataclass(frozen=True)
class SplitAudit:
    """Distinct roles, questions and pairs of the test, and those of them that training has as well.

    Names are compared without case and pointing, questions without spacing. `kind` is what the test can show: with
    roles and questions shared it tests at most pairs of known things.
    """

    roles: int
    shared_roles: tuple[str, ...]
    questions: int
    shared_questions: int
    pairs: int
    shared_pairs: int
    kind: Kind


def audit_splits(train: RowFile, test: RowFile) -> SplitAudit:
    """Compare the two; a question counts as shared whichever role it is asked of."""
    trained, tested = {row.key for row in train.rows}, {row.key for row in test.rows}
    names = {row.key[0]: row.role for row in test.rows}
    roles = {role for role, _ in tested} & {role for role, _ in trained}
    questions = {question for _, question in tested} & {question for _, question in trained}
    return SplitAudit(
        roles=len(names),
        shared_roles=tuple(sorted(names[role] for role in roles)),
        questions=len({question for _, question in tested}),
        shared_questions=len(questions),
        pairs=len(tested),
        shared_pairs=len(tested & trained),
        kind=_kind(bool(roles), bool(questions), bool(tested & trained)),
    )


def _kind(roles: bool, questions: bool, pairs: bool) -> Kind:
    if pairs:
        return "leaking"
    if not roles:
        return "unseen roles"
    return "unseen pairs" if questions else "unseen instructions"
