import anyio
import pytest
from mcp.client.client import Client

from flowtrace_mcp.app import Application
from flowtrace_mcp.tools.server import INSTRUCTIONS, PROFILES
from tests.tools.conftest import Ask, text_of


def tools_of(program: Application, era: str) -> list[str]:
    async def names() -> list[str]:
        async with Client(program.mcp_server(), mode=era) as client:
            assert client.instructions == INSTRUCTIONS
            return [tool.name for tool in (await client.list_tools()).tools]

    return anyio.run(names)


def test_the_five_tools_are_listed_in_both_eras(program: Application, era: str) -> None:
    assert tools_of(program, era) == ["remember", "recall", "forget", "traces", "status"]


@pytest.mark.parametrize("profile", ["memory", "observe", "all"])
def test_a_profile_offers_its_tools_alone(
    program: Application, environ: dict[str, str], profile: str, ask: Ask
) -> None:
    environ["FLOWTRACE_TOOLS"] = profile

    assert tools_of(program, "auto") == list(PROFILES[profile])  # type: ignore[index]  # a profile
    refused = ask("forget" if profile == "observe" else "nothing", id="0123456789")
    assert refused.is_error
    assert "this server has" in text_of(refused)


def test_broken_settings_are_told_by_each_call_and_mended_by_the_next(
    program: Application, environ: dict[str, str], ask: Ask, era: str
) -> None:
    environ["FLOWTRACE_PORT"] = "many"
    assert tools_of(program, era) == list(PROFILES["core"])

    broken = ask("status", era=era)
    del environ["FLOWTRACE_PORT"]
    mended = ask("status", era=era)

    assert broken.is_error
    assert "FLOWTRACE_PORT cannot be 'many'" in text_of(broken)
    assert not mended.is_error
