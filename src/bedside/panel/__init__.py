"""The device's screen: consent, indicator, stop, help, journal."""
