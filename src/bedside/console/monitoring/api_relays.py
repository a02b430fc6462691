"""REST: a relay is taken out of service."""

from django.http import Http404, HttpRequest
from ninja import Field, Router, Status

from bedside.console.accounts.bearer import caller, permitted
from bedside.console.monitoring.retirement import access_relay, do_retire_relay
from bedside.console.rest.bodies import Body, Plain
from bedside.vocabulary import Permission

router = Router(tags=["devices"])


class RetirementBody(Body):
    """Why a relay is retired, and whether it is although devices poll it."""

    reason: Plain = Field(min_length=1, max_length=200, examples=["Replaced by eu-3"])
    despite_devices: bool = Field(
        False, description="true: although devices poll it; they find another one by themselves"
    )


@router.post("/relays/{relay}/retire", response={204: None}, operation_id="retireRelay")
def retire_relay(request: HttpRequest, body: RetirementBody, relay: str) -> Status[None]:
    """Take a relay out of service for good: its name is never used again."""
    access_relay(caller(request), relay)
    user = permitted(request, Permission.RELAYS_RELAY_MANAGE)
    try:
        do_retire_relay(
            relay, reason=body.reason, despite_devices=body.despite_devices, acting_user=user
        )
    except LookupError:
        raise Http404 from None
    return Status(204, None)
