"""Secrets taken out of text before it reaches the disk."""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """Text without its secrets, and how many were taken out."""

    text: str
    count: int


_PRIVATE: Final = re.compile(r"<private>.*?(?:</private>|\Z)", re.DOTALL | re.IGNORECASE)
# One row a secret: what to call it, how it looks. Prefixes are the issuers' own.
_SECRETS: Final = (
    (
        "private-key",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    ),
    ("aws-key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("github-token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})\b"),
    ("gitlab-token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("anthropic-key", r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
    ("openai-key", r"\bsk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{32,}"),
    ("google-key", r"\bAIza[A-Za-z0-9_-]{35}"),
    ("slack-token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("stripe-key", r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}\b"),
    ("npm-token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("pypi-token", r"\bpypi-[A-Za-z0-9_-]{50,}"),
    ("huggingface-token", r"\bhf_[A-Za-z0-9]{30,}\b"),
    ("jwt", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    ("password", r"(?<=://)[^\s:/@]+:[^\s/@]+(?=@)"),
    ("bearer-token", r"(?<=[Bb]earer )[A-Za-z0-9._~+/-]{20,}=*"),
)
_ANY: Final = re.compile(
    "|".join(f"(?P<{name.replace('-', '_')}>{look})" for name, look in _SECRETS), re.DOTALL
)


def redact(text: str) -> Redacted:
    """Replace secrets by ``[redacted:kind]`` and private passages by ``[private]``."""
    text, private_count = _PRIVATE.subn("[private]", text)

    def mark(match: re.Match[str]) -> str:
        return f"[redacted:{(match.lastgroup or 'secret').replace('_', '-')}]"

    text, secret_count = _ANY.subn(mark, text)
    return Redacted(text=text, count=private_count + secret_count)
