"""Promises and tests, checked in both directions."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.promises import PROMISES

TESTS = Path(__file__).parent


def claims_in(source: str) -> Iterator[str]:
    """Yield the ids that the tests of a module are marked with."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                yield from claimed_by(decorator)


def claimed_by(decorator: ast.expr) -> list[str]:
    match decorator:
        case ast.Call(
            func=ast.Attribute(value=ast.Attribute(attr="mark"), attr="promise"), args=arguments
        ):
            return [str(one.value) for one in arguments if isinstance(one, ast.Constant)]
    return []


def claims() -> set[str]:
    return {
        claim
        for path in TESTS.rglob("*.py")
        for claim in claims_in(path.read_text(encoding="utf-8"))
    }


def test_every_promise_is_shown_by_a_test() -> None:
    assert sorted(PROMISES.keys() - claims()) == []


def test_no_test_claims_an_unknown_promise() -> None:
    assert sorted(claims() - PROMISES.keys()) == []


def test_a_claim_is_read_from_functions_and_classes_alone() -> None:
    source = """
@pytest.mark.promise("one")
def test_one(): ...

@pytest.mark.slow
@pytest.mark.promise("two")
class TestTwo:
    @pytest.mark.promise("three")
    async def test_three(self): ...

text = '@pytest.mark.promise("four")'
"""

    assert sorted(claims_in(source)) == ["one", "three", "two"]


def test_a_promise_is_one_sentence() -> None:
    assert [text for text in PROMISES.values() if not text.endswith(".")] == []
