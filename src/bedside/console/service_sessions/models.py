"""A session's record and its time line; `protocol.states` rules what may follow what."""

from typing import ClassVar

from django.db import models

from bedside.console.accounts.models import User
from bedside.console.devices.models import Device
from bedside.vocabulary import AccessKind, Ending, Gate, Mode, SessionState

__all__ = ["ServiceSession", "SessionApproval", "TimelineRow"]


def ending_choices() -> list[tuple[str, str]]:
    """Return the endings as choices: a new word is no migration."""
    return [(ending.value, ending.value) for ending in Ending]


def gate_choices() -> list[tuple[str, str]]:
    """Return every gate: called, so that a new word of the vocabulary is no migration."""
    return [(gate.value, gate.value) for gate in Gate]


class ServiceSession(models.Model):
    """One request and what became of it; a refused request is a session that ended at once."""

    id = models.CharField(primary_key=True, max_length=26)
    device = models.ForeignKey(Device, models.PROTECT, related_name="sessions")
    person = models.ForeignKey(User, models.PROTECT, related_name="sessions")
    # Copied as text: the order and the journal say who the person was then.
    person_name = models.CharField(max_length=120)
    person_employer = models.CharField(max_length=120)
    person_level = models.PositiveSmallIntegerField(null=True)
    person_country = models.CharField(max_length=2)

    access = models.CharField(max_length=8, choices=[(a.value, a.value) for a in AccessKind])
    mode = models.CharField(max_length=8, choices=[(m.value, m.value) for m in Mode])
    duration_s = models.PositiveIntegerField()
    idle_s = models.PositiveIntegerField()
    max_bytes = models.BigIntegerField()
    case = models.CharField(max_length=64)
    reason = models.CharField(max_length=500)
    ticket = models.CharField(max_length=64, blank=True)
    actions = models.JSONField(default=list)
    """Files in, files out: what the grant covers beside the session itself."""
    approvals_needed = models.PositiveSmallIntegerField(default=0)
    approved_until_ms = models.BigIntegerField(null=True)
    """Until when the site lets the order be answered; None where it was not asked."""
    break_glass = models.BooleanField(default=False)
    joins = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="joined", db_index=False
    )
    """The live session of somebody else that this one joins to watch (S37).

    For control: the person's own join, by which they may be handed control (R10).
    """
    public_key = models.CharField(max_length=200)
    """The specialist's one-session key, an OpenSSH ecdsa-sha2-nistp256 line."""

    state = models.CharField(
        max_length=20,
        choices=[(s.value, s.value) for s in SessionState],
        default=SessionState.REQUESTED.value,
    )
    ending = models.CharField(max_length=16, choices=ending_choices, blank=True)
    device_ending = models.CharField(max_length=16, blank=True)
    """How the device's journal calls it, once the device has said so."""
    gate = models.CharField(max_length=32, choices=gate_choices, blank=True)
    decision = models.JSONField(default=dict)
    """Every gate, whether it passed and what it looked at, as decided at the request."""

    requested_ms = models.BigIntegerField()
    answer_by_ms = models.BigIntegerField()
    expires_ms = models.BigIntegerField(null=True)
    """The absolute end, known once the operator has consented."""
    closes_ms = models.BigIntegerField(null=True)
    """When the site's window or the broken glass ends, and this session with it."""
    live_ms = models.BigIntegerField(null=True)
    ended_ms = models.BigIntegerField(null=True)
    relay = models.CharField(max_length=31, blank=True)
    operator = models.CharField(max_length=120, blank=True)
    """The name given at the panel with the consent."""
    bytes_from_device = models.BigIntegerField(default=0)
    bytes_from_specialist = models.BigIntegerField(default=0)
    # Seeds of the one-use tunnel proofs: needed while the session lives, wiped when it ends.
    device_proof_seed = models.BinaryField(max_length=32, default=bytes)
    specialist_proof_seed = models.BinaryField(max_length=32, default=bytes)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["device", "-id"], name="session_device"),
            models.Index(fields=["person", "-id"], name="session_person"),
            models.Index(fields=["state", "-id"], name="session_state"),
            # Few are open, of many that were: found without the others.
            models.Index(
                fields=["-id"],
                name="session_open",
                condition=~models.Q(state=SessionState.ENDED.value),
            ),
            # Few join: an index of them alone is one that every planner takes.
            models.Index(
                fields=["joins", "-id"],
                name="session_joins",
                condition=models.Q(joins__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def hands_over(self) -> bool:
        """Whether this is for control of a session that the person has joined (R10)."""
        return self.joins_id is not None and self.mode == Mode.CONTROL

    @property
    def host(self) -> "ServiceSession | None":
        """The session in which this person is a guest: to watch, or to be handed control."""
        if self.joins is None or not self.hands_over:
            return self.joins
        return self.joins.joins

    @property
    def of_site(self) -> bool:
        """Whether somebody of the site itself asked: to watch, and nothing else (R18)."""
        return self.joins_id is not None and self.person_level is None


class SessionApproval(models.Model):
    """What one of the site's approvers said; an assertion goes with the order to the device."""

    session = models.ForeignKey(ServiceSession, models.CASCADE, related_name="approvals")
    approver = models.ForeignKey(User, models.PROTECT, related_name="+")
    approver_name = models.CharField(max_length=120)
    approved = models.BooleanField()
    reason = models.CharField(max_length=200, blank=True)
    assertion = models.JSONField(default=dict)
    at_ms = models.BigIntegerField()
    verified_ms = models.BigIntegerField(null=True)
    """When the device verified it: only then is it an approval to anybody but this console."""

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["session", "approver"], name="one_say_per_approver")
        ]


class TimelineRow(models.Model):
    """A state the session reached, and when; the words are chosen in the reader's language."""

    session = models.ForeignKey(ServiceSession, models.CASCADE, related_name="timeline")
    at_ms = models.BigIntegerField()
    state = models.CharField(max_length=20, choices=[(s.value, s.value) for s in SessionState])
    note = models.CharField(max_length=200, blank=True)
    """What a person gave with it: the operator's name."""

    class Meta:
        ordering: ClassVar = ["id"]
