"""What the REST API says and takes about the policy: rules, contracts, what a decision looked at."""

from typing import Annotated, Any, Literal

from django.utils.translation import get_language
from ninja import Field, Schema

from bedside.console.access.models import Entitlement
from bedside.console.access.queries import stored_policy
from bedside.console.access.simulation import Supposed
from bedside.console.rest.bodies import Body, Country, PageQuery, Plain
from bedside.language import gate_advice, gate_sentence, parse_language
from bedside.policy.decide import Decision, Obligation
from bedside.policy.facts import RequestFacts, StartRule
from bedside.policy.rules import Change
from bedside.vocabulary import AccessKind, Gate, Level, Mode, Role, SiteAction

__all__ = [
    "MOST_RULES",
    "ChangesAnswer",
    "ContractAnswer",
    "ContractBody",
    "ContractsPage",
    "ContractsQuery",
    "DecisionAnswer",
    "NeedsBody",
    "RulesAnswer",
    "RulesBody",
    "SimulationBody",
    "change_view",
    "contract_view",
    "decision_view",
    "rule_view",
    "rules_view",
]

MOST_RULES = 60
_Mode = Annotated[Mode, Field(strict=False)]


class RuleBody(Body):
    """What people of a level in a country may start and join, on one product or (null) on all."""

    level: int = Field(ge=1, le=3)
    country: Country = Field(examples=["US"])
    product: str | None = Field(None, max_length=64)
    start: list[_Mode] = Field(default_factory=list, max_length=2, examples=[["view"]])
    join: list[_Mode] = Field(default_factory=list, max_length=2, examples=[["view"]])

    def rule(self) -> StartRule:
        """Return the rule."""
        return StartRule(
            level=Level(self.level),
            country=self.country,
            start=frozenset(self.start),
            join=frozenset(self.join),
            product=self.product,
        )


class RulesBody(Body):
    """Every rule together: what is left out is taken away."""

    rules: list[RuleBody] = Field(max_length=MOST_RULES)


class RuleAnswer(Schema):
    """A rule as it stands; `number` is its place, by which decisions name it."""

    number: int
    level: int
    country: str
    product: str | None
    start: list[Mode]
    join: list[Mode]


class RulesAnswer(Schema):
    """Every rule as it stands, and the number under which they were saved (0: never)."""

    policy: int
    rules: list[RuleAnswer]


class ChangeAnswer(Schema):
    """What one person would lose and gain on one product."""

    person: str
    name: str
    level: int | None
    country: str | None
    product: str
    lost_start: list[Mode]
    lost_join: list[Mode]
    gained_start: list[Mode]
    gained_join: list[Mode]


class ChangesAnswer(Schema):
    """Whom a change of the rules touches; `losing` counts the people who lose something."""

    losing: int
    changes: list[ChangeAnswer]


class ContractsQuery(PageQuery):
    """Of which site, or of which device."""

    site: str = Field("", max_length=64)
    device: str = Field("", max_length=30)


class ContractBody(Body):
    """A contract over a site, or over one of its devices, for a time; `end_ms` null: open."""

    site: str = Field(max_length=64)
    device: str | None = Field(None, max_length=30)
    start_ms: int = Field(ge=0, le=2**53 - 1)
    end_ms: int | None = Field(None, ge=0, le=2**53 - 1)


class ContractAnswer(Schema):
    """What a contract covers; `end_ms` is the first moment that is no longer covered."""

    id: int
    site: str
    device: str | None
    start_ms: int
    end_ms: int | None


class ContractsPage(Schema):
    """Some contracts; `next` is the cursor of those after, null at the end."""

    items: list[ContractAnswer]
    next: str | None


class SupposedBody(Body):
    """Somebody who need not exist: active, vetted, with a second factor."""

    level: int | None = Field(None, ge=1, le=3)
    country: Country | None = Field(None, examples=["CA"])
    trained: bool = True
    patient_data: bool = False

    def person(self) -> Supposed:
        """Return whom the policy looks at."""
        return Supposed(
            level=Level(self.level) if self.level else None,
            country=self.country,
            role=Role.SPECIALIST,
            trained=self.trained,
            patient_data=self.patient_data,
        )


class NeedsBody(Body):
    """A request as it would be made now; case and reason may still be empty."""

    access: AccessKind = Field(strict=False)
    mode: Mode = Field(strict=False)
    duration_minutes: int = Field(30, ge=1, le=1440)
    case: Plain = Field("", max_length=64, examples=["C-88213"])
    reason: Plain = Field("", max_length=500, examples=["Pressure fault E12 after power cut"])
    ticket: Plain = Field("", max_length=64)
    files: list[Literal["files_in", "files_out"]] | None = Field(
        None,
        max_length=2,
        description="files to and from the device; without it, what the site leaves to the person "
        "at the device",
        examples=[["files_out"]],
    )

    @property
    def asked_files(self) -> frozenset[SiteAction] | None:
        """The files that are named; None where none were."""
        return None if self.files is None else frozenset(map(SiteAction, self.files))

    def facts(self) -> RequestFacts:
        """Return what the policy looks at."""
        return RequestFacts(
            access=self.access,
            mode=self.mode,
            duration_s=self.duration_minutes * 60,
            case=self.case.strip(),
            reason=self.reason.strip(),
            ticket=self.ticket.strip(),
        )


class SimulationBody(Body):
    """Who asks for what, and when: a person by their address, or somebody supposed."""

    device: str = Field(max_length=30)
    person: str | None = Field(None, max_length=254, examples=["marie@bayard.example"])
    supposed: SupposedBody | None = Field(None, examples=[None])
    access: AccessKind = Field(strict=False)
    mode: Mode = Field(strict=False)
    duration_minutes: int = Field(30, ge=1, le=1440)
    files: list[Literal["files_in", "files_out"]] | None = Field(
        None,
        max_length=2,
        description="files to and from the device; without it, what the site leaves to the person "
        "at the device, as in a request; whoever joins to watch is given none",
        examples=[["files_out"]],
    )
    ticket: Plain = Field("", max_length=64)
    joins: bool = False
    at_ms: int | None = Field(None, ge=0, le=2**53 - 1)

    @property
    def asked_files(self) -> frozenset[SiteAction] | None:
        """The files that are named; None where none were."""
        return None if self.files is None else frozenset(map(SiteAction, self.files))

    @property
    def watches(self) -> bool:
        """Whether a session of somebody else is joined to watch it."""
        return self.joins and self.mode is Mode.VIEW

    def facts(self) -> RequestFacts:
        """Return what is asked for, with a case and a reason."""
        return RequestFacts(
            access=self.access,
            mode=self.mode,
            duration_s=self.duration_minutes * 60,
            case="C-0",
            reason="?",
            ticket=self.ticket.strip(),
            joins=self.joins,
        )


class GateAnswer(Schema):
    """A gate of a decision, whether it let the request pass, and the facts that it looked at."""

    gate: Gate
    passed: bool
    sentence: str | None
    """Why it refuses; null where it let the request pass."""
    advice: str | None
    facts: dict[str, str | int]


class DecisionAnswer(Schema):
    """A decision, gate by gate, and what a grant would oblige to; nothing was asked."""

    allowed: bool
    at_ms: int
    end_by_ms: int | None
    obligations: list[Obligation]
    gates: list[GateAnswer]


def rules_view() -> dict[str, Any]:
    """Return the rules as they stand."""
    policy, rules = stored_policy()
    return {"policy": policy, "rules": [rule_view(rule) for rule in rules]}


def rule_view(rule: StartRule) -> dict[str, Any]:
    """Return a rule."""
    return {
        "number": rule.number,
        "level": rule.level,
        "country": rule.country,
        "product": rule.product,
        "start": sorted(rule.start),
        "join": sorted(rule.join),
    }


def change_view(change: Change) -> dict[str, Any]:
    """Return whom a change touches, and how."""
    holder = change.holder
    return {
        "person": holder.id,
        "name": holder.name,
        "level": holder.level,
        "country": holder.country,
        "product": holder.product,
        "lost_start": sorted(change.lost_start),
        "lost_join": sorted(change.lost_join),
        "gained_start": sorted(change.gained_start),
        "gained_join": sorted(change.gained_join),
    }


def contract_view(row: Entitlement) -> dict[str, Any]:
    """Return a contract that was read with its device."""
    return {
        "id": row.pk,
        "site": row.device.site_id if row.device else row.site_id,
        "device": row.device_id,
        "start_ms": row.start_ms,
        "end_ms": row.end_ms,
    }


def decision_view(decision: Decision, *, at_ms: int) -> dict[str, Any]:
    """Return a decision in the words of its reader."""
    language = parse_language(get_language() or "en")
    return {
        "allowed": decision.allowed,
        "at_ms": at_ms,
        "end_by_ms": decision.end_by_ms,
        "obligations": decision.obligations,
        "gates": [
            {
                "gate": reason.gate,
                "passed": reason.passed,
                "sentence": None if reason.passed else gate_sentence(reason.gate, language),
                "advice": None if reason.passed else gate_advice(reason.gate, language),
                "facts": reason.fields,
            }
            for reason in decision.reasons
        ],
    }
