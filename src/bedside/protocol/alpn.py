"""What a TLS client says before the handshake ends about what it will speak (RFC 7301).

A hint only: it lets the relay choose its driver before the first request.
"""

__all__ = ["ALPN_POLL", "ALPN_TUNNEL"]

ALPN_POLL = "http/1.1"
ALPN_TUNNEL = "bedside-tunnel/1"
