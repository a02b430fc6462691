"""The one package that touches what asyncssh does not promise; pinned to its version by tests.

1. An SSH server connection is set as the protocol of a transport that was dialled and carries an
   upgraded HTTP connection; no listener exists.
2. Public key, *then* keyboard-interactive: success of the first is partial. A key offered without
   a signature never counts; the second is not even offered before the first.
3. asyncssh forgets a certificate's options at every authentication request; those of the first
   factor are put back before success, so its missing permissions still count.
4. Certificates are judged by us (`admission`): asyncssh would take the user name as principal and
   an empty principal list as "everyone". A key without a certificate is never accepted.
5. Refusals that asyncssh makes silently (X11, agent, unknown channels) are told to the owner.
6. Options are made once for a session, and copied for each of its connections.
7. Established traffic takes a shorter way (`packets`, `channels`), for CPU time on small devices.

`process.redirect` is never used (it loses data under flow control, see `pump`), nor asyncssh's SFTP
server (no exit status for `scp`, and a default that opens the whole file system, see `sftp`).
"""

from bedside.agent.ssh.internals.channels import EndpointChannel, ForwardChannel
from bedside.agent.ssh.internals.connection import (
    ConnectionOwner,
    EndpointConnection,
    options_for,
    take_over,
)

__all__ = [
    "ASYNCSSH_VERSION",
    "ConnectionOwner",
    "EndpointChannel",
    "EndpointConnection",
    "ForwardChannel",
    "options_for",
    "take_over",
]

ASYNCSSH_VERSION = "2.24.1"
"""The version whose internals these are; a test holds the installed one to it."""
