"""Answers whose code is loaded when somebody asks for the first time.

A listener that nobody asks for budgets or trends has neither their use cases nor their maths in
memory.
"""

import importlib

from flowtrace_mcp.rest.endpoints import Work
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.services.context import Context


def late(module: str, name: str) -> Work:
    """Return a function that loads ``flowtrace_mcp.rest.<module>`` and calls one of its own.

    Args:
        module: A file of this folder.
        name: The function in it that answers.
    """

    def work(context: Context, question: Question) -> object:
        found = importlib.import_module(f"flowtrace_mcp.rest.{module}")
        answer: Work = getattr(found, name)
        return answer(context, question)

    return work
