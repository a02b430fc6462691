"""What changes who a device is, and what it is told; call each inside the change's transaction."""

from bedside.console.enrolment.actions.documents import (
    do_send_order,
    do_send_receipt,
    do_send_withdrawal,
)

__all__ = ["do_send_order", "do_send_receipt", "do_send_withdrawal"]
