"""The whole world on one machine, with a simulated injector."""
