"""Remote service for medical devices that opens only from the inside."""

__version__ = "0.1.0"
