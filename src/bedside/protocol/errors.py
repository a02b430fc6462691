"""Three errors, split by who must act: the peer twice, ourselves once."""

__all__ = ["LimitError", "LocalMisuseError", "MalformedError", "ProtocolError"]


class ProtocolError(ValueError):
    """The peer sent something the protocol does not allow.

    `code` is a stable word for journals and tests; `where` names the field or part, never its value,
    so that a message about hostile input carries none of it.
    """

    def __init__(self, code: str, where: str = "") -> None:
        super().__init__(f"{where}: {code}" if where else code)
        self.code = code
        self.where = where


class MalformedError(ProtocolError):
    """The peer's message is not what the protocol defines."""


class LimitError(ProtocolError):
    """The peer's message is larger, longer or more than the protocol allows."""


class LocalMisuseError(RuntimeError):
    """Our own code asked the protocol for something it does not allow: a defect here, not at the peer."""
