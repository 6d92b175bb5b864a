from collections.abc import Callable

import pytest

from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.forget import ForgetRequest, forget
from flowtrace_mcp.services.recall import RecallRequest, recall
from flowtrace_mcp.services.remember import RememberRequest, remember


@pytest.fixture
def handle(context: Context, caller: Caller) -> str:
    return remember(context, RememberRequest(content="the wiki moved to notion"), caller).id


def test_what_is_forgotten_is_not_recalled(context: Context, caller: Caller, handle: str) -> None:
    gone = forget(context, ForgetRequest(id=handle, reason="wrong"), caller)

    assert (gone.id, gone.text, gone.is_hard) == (handle, "the wiki moved to notion", False)
    assert not recall(context, RecallRequest(query="wiki"), caller).memories
    kept = context.store.memories.find_memory(handle)
    assert kept is not None
    assert kept.retracted_us is not None


@pytest.mark.parametrize("hard", [False, True])
def test_a_secret_of_an_older_memory_is_not_told_when_it_is_forgotten(
    make_context: Callable[..., Context], caller: Caller, *, hard: bool
) -> None:
    content = "Blue Heron pays monthly"
    handle = remember(make_context(), RememberRequest(content=content), caller).id

    gone = forget(
        make_context(FLOWTRACE_REDACT="heron"), ForgetRequest(id=handle, hard=hard), caller
    )

    assert gone.text == "Blue [redacted:listed] pays monthly"


def test_a_query_that_fits_one_memory_forgets_it(
    context: Context, caller: Caller, handle: str
) -> None:
    assert forget(context, ForgetRequest(query="wiki notion"), caller).id == handle


def test_a_query_that_fits_several_names_them(
    context: Context, caller: Caller, handle: str
) -> None:
    other = remember(context, RememberRequest(content="the wiki needs notion login"), caller).id

    with pytest.raises(InputError) as caught:
        forget(context, ForgetRequest(query="wiki notion"), caller)

    assert handle in str(caught.value)
    assert other in str(caught.value)


def test_a_query_with_nearly_all_words_of_one_memory_means_that_one(
    context: Context, caller: Caller, handle: str
) -> None:
    other = remember(context, RememberRequest(content="the wiki needs notion login"), caller).id

    assert forget(context, ForgetRequest(query="wiki needing a notion login"), caller).id == other
    assert (
        forget(context, ForgetRequest(query="The wiki was moved to Notion."), caller).id == handle
    )


def test_a_query_that_shares_a_word_alone_forgets_nothing(
    context: Context, caller: Caller, handle: str
) -> None:
    with pytest.raises(NotFoundError):
        forget(context, ForgetRequest(query="garden gnomes notion dislike entirely"), caller)


@pytest.mark.promise("hard-forget")
def test_a_hard_forget_leaves_no_word_of_it_on_disk(
    context: Context, caller: Caller, handle: str
) -> None:
    forget(context, ForgetRequest(id=handle, hard=True), caller)

    assert context.store.memories.find_memory(handle) is None
    context.store.close()
    for path in context.settings.home.glob("flowtrace.db*"):
        assert b"notion" not in path.read_bytes()


@pytest.mark.parametrize(
    "request_",
    [ForgetRequest(), ForgetRequest(id="0000000000", query="x"), ForgetRequest(id="nope")],
)
def test_an_unclear_request_is_refused(
    context: Context, caller: Caller, request_: ForgetRequest
) -> None:
    with pytest.raises(InputError):
        forget(context, request_, caller)


def test_what_is_not_there_cannot_be_forgotten(
    context: Context, caller: Caller, stranger: Caller, handle: str
) -> None:
    for who, request_ in (
        (caller, ForgetRequest(id="0000000000")),
        (caller, ForgetRequest(query="kubernetes")),
        (stranger, ForgetRequest(id=handle)),
    ):
        with pytest.raises(NotFoundError):
            forget(context, request_, who)
