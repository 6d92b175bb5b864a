"""Finding a model's price under the many names that senders give it."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

# How gen_ai.provider.name and its relatives are spelt at the head of a table's keys.
_PREFIXES: Final = {
    "aws.bedrock": ("bedrock",),
    "azure.ai.inference": ("azure_ai", "azure"),
    "azure.ai.openai": ("azure",),
    "fireworks": ("fireworks_ai",),
    "gcp.gemini": ("gemini",),
    "gcp.gen_ai": ("gemini", "vertex_ai"),
    "gcp.vertex_ai": ("vertex_ai",),
    "google": ("gemini",),
    "ibm.watsonx.ai": ("watsonx",),
    "mistral_ai": ("mistral",),
    "mistralai": ("mistral",),
    "moonshot_ai": ("moonshot",),
    "moonshotai": ("moonshot",),
    "qwen": ("dashscope",),
    "together": ("together_ai",),
    "x-ai": ("xai",),
    "x_ai": ("xai",),
    "z-ai": ("zai",),
}
# What runs on one's own machine. The same model elsewhere costs money; here only a price under
# the program's own name counts.
_LOCAL: Final = frozenset(
    [
        "hosted_vllm",
        "jan",
        "lemonade",
        "llama.cpp",
        "llamacpp",
        "llamafile",
        "lm_studio",
        "lmstudio",
        "localai",
        "mlx",
        "ollama",
        "ollama_chat",
        "sglang",
        "vllm",
        "xinference",
    ]
)
# Providers whose models a table lists without a prefix, and those that sell them at one price.
_UNPREFIXED: Final = frozenset(
    [
        "openai",
        "anthropic",
        "cohere",
        "deepseek",
        "ai21",
        "amazon",
        "meta",
        "google",
        "aws.bedrock",
        "azure.ai.inference",
        "azure.ai.openai",
        "gcp.gemini",
        "gcp.gen_ai",
        "gcp.vertex_ai",
    ]
)
# What may stand before a model's name and says who made it...
_MAKERS: Final = frozenset(
    [
        "ai21",
        "amazon",
        "anthropic",
        "cohere",
        "deepseek",
        "gemini",
        "google",
        "meta",
        "mistral",
        "mistralai",
        "moonshot",
        "moonshotai",
        "openai",
        "perplexity",
        "qwen",
        "x-ai",
        "xai",
        "z-ai",
    ]
)
# ... or only who passes the call on.
_GATEWAYS: Final = frozenset(
    [
        "accounts",
        "apac",
        "azure",
        "azure_ai",
        "bedrock",
        "bedrock_converse",
        "converse",
        "eu",
        "gateway",
        "github",
        "github_copilot",
        "global",
        "helicone",
        "inference-profile",
        "invoke",
        "litellm",
        "litellm_proxy",
        "models",
        "openrouter",
        "portkey",
        "publishers",
        "requesty",
        "us",
        "vercel",
        "vercel_ai_gateway",
        "vertex",
        "vertex_ai",
    ]
)
_REGION: Final = re.compile(r"(?:us|eu|ap|ca|sa|me|af|il|us-gov|europe|asia)-[a-z]+-?[0-9]")
_BEDROCK_AREA: Final = re.compile(r"(?:us|eu|apac|jp|au|ca|us-gov|global)\.(?=[a-z0-9]+\.)")
_BEDROCK_MAKER: Final = re.compile(r"(ai21|amazon|anthropic|cohere|meta|mistral|openai)\.(?=[a-z])")
_BEDROCK_VERSION: Final = re.compile(r"(?:-v\d+)?(?::\d+)?$")
# Who sells retired Claude models at Anthropic's price: a table forgets them under their own name.
_CLAUDE_SELLERS: Final = ("anthropic.", "vertex_ai/")
_DOT: Final = re.compile(r"(?<=[0-9])\.(?=[0-9])")
_CLAUDE_ZERO: Final = re.compile(r"(?<=-4)-0$")
_CONTEXT_MARK: Final = re.compile(r"\[[0-9]+[mk]\]$")  # Claude Code: claude-sonnet-4-5[1m]
_DATE: Final = re.compile(r"[-@](20\d\d-?[01]\d-?[0-3]\d|2[3-9](?:0[1-9]|1[0-2]))$")
_NEWEST: Final = re.compile(r"[-@:](?:latest|default)$")
_LONGEST_NAME: Final = 300


class PriceNames:
    """The names under which a table has prices.

    Args:
        names: The table's keys.
        is_own: Whether a person wrote the table for this machine: then a name without provider
            holds for every provider.
    """

    def __init__(self, names: Mapping[str, object], *, is_own: bool = False) -> None:
        self._names = {name.lower(): name for name in names}
        self._newest: dict[str, str] = {}  # name without its date -> the latest of that name
        self._hosts = frozenset(name.partition("/")[0] for name in self._names if "/" in name)
        self._is_own = is_own
        for name in sorted(self._names):
            undated = _DATE.sub("", _BEDROCK_VERSION.sub("", name))
            if undated != name:
                self._newest[undated] = name

    def find(self, provider: str, model: str) -> str | None:
        """Return the table's name for a model, None when it has none.

        The provider's own prefix comes first, the name as sent before one without its date,
        and prefixes of gateways and regions are taken off last.

        Args:
            provider: As ``gen_ai.provider.name`` says, or "".
            model: As sent.
        """
        name = _CONTEXT_MARK.sub("", model.strip().lower()[:_LONGEST_NAME])
        provider = provider.lower()
        while name:
            for prefix in self._prefixes(provider, name):
                found = self._under(prefix + name)
                if found is not None:
                    return found
            if provider in _LOCAL and not self._is_own:
                return None
            provider, name = _without_head(provider, name)
        return None

    def _prefixes(self, provider: str, name: str) -> Iterator[str]:
        heads = _PREFIXES.get(provider, (provider,) if provider else ())
        yield from (f"{head}/" for head in heads)
        is_host = provider in _LOCAL or any(head in self._hosts for head in heads)
        if self._is_own or provider in _UNPREFIXED or not is_host:
            yield ""
            if name.startswith("claude"):
                yield from _CLAUDE_SELLERS

    def _under(self, name: str) -> str | None:
        """Return the table's name for one name, prefix included."""
        for form in _forms(name):
            # That of the newest stands in for another date's, not for a name without one.
            latest = f"{form}-latest" if form != name else ""
            for tried in (form, latest, self._newest.get(form, "")):
                if tried in self._names:
                    return self._names[tried]
        return None


def _forms(name: str) -> Iterator[str]:
    """Yield a name, and what it is without version, date and other marks; each once."""
    unversioned = _BEDROCK_VERSION.sub("", name)
    undated = _DATE.sub("", _NEWEST.sub("", unversioned))
    forms = [name, unversioned, undated]
    if "claude" in name:  # gateways write claude-sonnet-4.5, and 4 is also called 4-0
        forms += [_CLAUDE_ZERO.sub("", _DOT.sub("-", form)) for form in forms]
    yield from dict.fromkeys(forms)


def _without_head(provider: str, name: str) -> tuple[str, str]:
    """Return provider and name after the first prefix is taken off; "" when there is none left."""
    head, slash, rest = name.partition("/")
    if not slash:
        return _without_dotted_head(provider, name)
    if head in _MAKERS:
        return head, rest
    passes_on = head in _GATEWAYS or head.startswith("arn:") or _REGION.fullmatch(head)
    return ("" if provider in _GATEWAYS else provider), (rest if passes_on else "")


def _without_dotted_head(provider: str, name: str) -> tuple[str, str]:
    """Take off what Bedrock writes before a name: us.anthropic.claude-..."""
    area = _BEDROCK_AREA.match(name)
    if area is not None:
        return provider, name[area.end() :]
    maker = _BEDROCK_MAKER.match(name)
    return (maker[1], name[maker.end() :]) if maker is not None else (provider, "")
