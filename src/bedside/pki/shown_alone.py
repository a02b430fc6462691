"""A certificate that is shown alone, without the root that both sides have (7.11).

OpenSSL completes what it shows: in each handshake it looks for the issuers of its own certificate in
the store by which it verifies its peer, verifies that chain, and sends all of it. For a relay that is
a quarter of a handshake, 4.5 KiB of each connection that is kept, and 740 bytes on the wire
(docs/rfd, 8). Its mode SSL_MODE_NO_AUTO_CHAIN ends that, and Python's `ssl` has no word for it.

So the mode is set in the C object beneath, where Python's build is one whose layout is known. Where
it is not, handshakes succeed as before and cost what they did.
"""

import ctypes
import importlib
import ssl
import sys
from functools import cache
from typing import Any

__all__ = ["show_alone"]

# PySSLContext of Modules/_ssl.c: an object's head, then SSL_CTX *ctx.
_LAID_OUT = frozenset({(3, 11), (3, 12), (3, 13)})
# openssl/ssl.h
_SSL_CTRL_MODE = 33
_SSL_MODE_NO_AUTO_CHAIN = 0x8


def show_alone(context: ssl.SSLContext) -> bool:
    """Let this context show the certificates that it loaded and no others; whether it does."""
    control = _control()
    if control is None:
        return False
    beneath = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
    modes: int = control(beneath, _SSL_CTRL_MODE, _SSL_MODE_NO_AUTO_CHAIN, None)
    return bool(modes & _SSL_MODE_NO_AUTO_CHAIN)


@cache
def _control() -> Any:
    """Return SSL_CTX_ctrl of the library that `ssl` stands on; None where it is not for us to call."""
    released = sys.implementation.name == "cpython" and not hasattr(sys, "gettotalrefcount")
    if not released or sys.version_info[:2] not in _LAID_OUT:
        return None
    try:
        # What a library needs is found through it, and nothing else that may be loaded is.
        beneath = ctypes.CDLL(str(importlib.import_module("_ssl").__file__))
        control = beneath.SSL_CTX_ctrl
    except (AttributeError, OSError):  # built into the interpreter, or another library than OpenSSL
        return None
    control.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p)
    control.restype = ctypes.c_long
    return control
