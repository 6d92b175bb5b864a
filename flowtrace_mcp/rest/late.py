"""Answers whose code is loaded when somebody asks for the first time.

A listener that nobody asks for budgets or trends has neither their use cases nor their maths in
memory.
"""

import importlib
from collections.abc import Callable
from typing import Any

from flowtrace_mcp.rest.endpoints import Work
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.services.context import Context


def late(module: str, name: str, *more: object) -> Work:
    """Return a function that loads ``flowtrace_mcp.rest.<module>`` and calls one of its own.

    Args:
        module: A file of this folder.
        name: The function in it that answers.
        more: What it is given besides the context and the question.
    """

    def work(context: Context, question: Question) -> object:
        answer: Callable[..., object] = loaded(module, name)
        return answer(context, question, *more)

    return work


def loaded(module: str, name: str) -> Any:
    """Return something of ``flowtrace_mcp.rest.<module>``, which is loaded for it."""
    return getattr(importlib.import_module(f"flowtrace_mcp.rest.{module}"), name)
