"""A simulated contrast injector: the product that the demonstration services.

It is a program of its own, as a real product is: it knows nothing of the agent. It simulates
pressure and flow, keeps an event log that also names (canary) patients, has a service menu for a
terminal, and a small diagnostics page on the device's own loopback.
"""
