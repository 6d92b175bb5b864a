"""Memory and observability for coding agents, on the developer's own machine."""

__all__ = ["__version__"]

__version__ = "0.1.0"
