"""A certificate that is shown alone, without the root that both sides have (7.11).

OpenSSL completes what it shows: in each handshake it looks for the issuers of its own certificate in
the store by which it verifies its peer, verifies that chain, and sends all of it. For a relay that is
a quarter of a handshake, 4.5 KiB of each connection that is kept, and 740 bytes on the wire
(docs/rfd, 8). Its mode SSL_MODE_NO_AUTO_CHAIN ends that, and Python's `ssl` has no word for it.

So the mode is set in the C object beneath, where Python's build is one whose layout is known. Where
it is not, handshakes succeed as before and cost what they did.
"""

import importlib
import ssl
import sys
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["can_show_alone", "show_alone"]

# PySSLContext of Modules/_ssl.c: an object's head, then SSL_CTX *ctx.
_LAID_OUT = frozenset({(3, 11), (3, 12), (3, 13)})
# openssl/ssl.h
_SSL_CTRL_MODE = 33
_SSL_MODE_NO_AUTO_CHAIN = 0x8


def can_show_alone() -> bool:
    """Whether this build of Python is one in whose contexts the mode can be set."""
    return _set_mode() is not None


def show_alone(context: ssl.SSLContext) -> bool:
    """Let this context show the certificates that it loaded and no others; whether it does."""
    set_mode = _set_mode()
    return set_mode is not None and bool(set_mode(context) & _SSL_MODE_NO_AUTO_CHAIN)


@cache
def _set_mode() -> "Callable[[ssl.SSLContext], int] | None":
    """Return what sets the mode and says which are set; None where a context is not ours to reach into."""
    released = sys.implementation.name == "cpython" and not hasattr(sys, "gettotalrefcount")
    if not released or sys.version_info[:2] not in _LAID_OUT:
        return None
    try:
        ctypes = importlib.import_module("ctypes")  # a package of its own on some small systems
        # What a library needs is found through it, and nothing else that may be loaded is.
        beneath = ctypes.CDLL(str(importlib.import_module("_ssl").__file__))
        control = beneath.SSL_CTX_ctrl
    except (AttributeError, ImportError, OSError):  # built into the interpreter, or no OpenSSL
        return None
    control.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p)
    control.restype = ctypes.c_long

    def set_mode(context: ssl.SSLContext) -> int:
        pointer = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
        return int(control(pointer, _SSL_CTRL_MODE, _SSL_MODE_NO_AUTO_CHAIN, None))

    return set_mode
