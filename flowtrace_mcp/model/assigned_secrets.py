"""Secrets told by the name they are given to: ``password=``, ``"api_key": "..."``, ``--token``.

Only the value goes, and only where it is one: code, types, placeholders, variables and the
sentences that speak of a password stay. A search begins at the signs ``=`` and ``:``, for they
are rare and names like ``key`` are not.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

VALUE_MOST_CHARACTERS: Final = 1000
# So much of a value tells what it is.
LOOKED_AT_CHARACTERS: Final = 200
_NAME_MOST_CHARACTERS: Final = 48
_STRONG_LEAST_CHARACTERS: Final = 4
_WEAK_LEAST_CHARACTERS: Final = 8

# What holds a secret whatever its value looks like, and what often holds something else.
_STRONG: Final = (
    "password|passwd|passphrase|passcode|pwd|pass|secret|secret[_-]?access[_-]?key"
    "|(?:api|access|secret|private|signing|encryption|master|account|app|license)[_ -]?key"
    "|(?:api|app|client)[_-]?secret"
)
_WEAK: Final = "token|bearer|credentials?|auth|session[_-]?key"
_ENDINGS: Final = (
    *("word", "wd", "phrase", "code", "pass", "secret"),
    *("key", "token", "bearer", "al", "als", "auth"),
)
_SIGN: Final = re.compile("[:=]=?>?")
_NAME: Final = re.compile(f"(?:(?P<strong>{_STRONG})|(?P<weak>{_WEAK}))\\Z", re.IGNORECASE)
_VALUE: Final = re.compile(
    rf"""[ \t]{{0,4}}(?:
        (?P<quote>\\?["'`]) (?P<quoted>[^"'`\n]{{1,{VALUE_MOST_CHARACTERS}}}?) (?P=quote)
        | (?P<bare>(?![=>])[^\s"'`,;&|)\]}}>\\]{{1,{VALUE_MOST_CHARACTERS}}})
    )""",
    re.VERBOSE,
)
_BARE: Final = rf"(?P<bare>(?!-)[^\s\"'`,;|)]{{6,{VALUE_MOST_CHARACTERS}}})"
_FLAG: Final = re.compile(
    "(?<= )--?(?P<strong>password|passwd|token|api-?key|secret|client-secret|access-token)"
    f"[ \\t]{{1,4}}{_BARE}",
    re.IGNORECASE,
)
_SPOKEN: Final = re.compile(
    "(?P<strong>password|passphrase|secret|token|api key|secret key)"
    f" is[ \\t]{{1,4}}(?P<mark>[\"'`]?){_BARE}",
    re.IGNORECASE,
)
_SPOKEN_HINTS: Final = ("word is", "phrase is", "secret is", "token is", "key is")
_PLACEHOLDER: Final = re.compile(
    r"[$%<{\[*].*|.*[<>{}].*|[x.*_-]+|\.\.\..*|your[-_ ].*|\d{1,3}", re.IGNORECASE
)
_CODE: Final = re.compile(
    r"""
    [A-Za-z_][\w.]*[\[(].*                      # a call, a subscript
    | [a-z_]\w*(?:\.[A-Za-z_]+)+                # an attribute
    | [A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+             # a constant
    | [A-Za-z][A-Za-z0-9+.-]*://.*              # an address; a password in it is found by its own
    | (?:\.{0,2}|~)/[\w.-]+(?:/[\w.-]+)+/?      # a path
    """,
    re.VERBOSE,
)
_WORD: Final = re.compile(
    "none|null|nil|true|false|undefined|str|string|text|bytes|int|integer|bool|boolean|any"
    "|object|optional|required|missing|invalid|empty|unset|hidden|masked|redacted|secret"
    "|password|token|env|environment|default|auto|basic|bearer|oauth|oauth2|jwt|plain|prompt"
    "|read|write|yes|no|on|off|it|is|the|a|an|and|or|not|to|from|in|was|when|which|that|this"
    "|for|self|input|value|field|test|type|enabled|disabled|expired|valid|unknown|varchar"
    "|char|include|omit|same-origin"
)
_NAME_OF_SECRET: Final = re.compile(
    r"(?:\w*(?:_|[a-z](?=[A-Z])))?(?i:password|passwd|token|secret|key|credentials?|auth)"
)
_METHOD: Final = re.compile("(?:sha|md5|bcrypt|argon2|base64|pbkdf2|aes|utf).*", re.IGNORECASE)
_LETTERS: Final = re.compile("[A-Za-z_-]+")
_ENDS_A_LINE: Final = re.compile(r"[ \t]*(?:$|[\n\r,;&|)\]}\"'`#])")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Assigned:
    """A value, and the name it is given to."""

    name: str
    is_strong: bool
    sign: str  # "=" and the like; "" = only a blank or a word stands between
    value: str
    is_quoted: bool
    begin: int
    end: int


def may_name_secret(name: str) -> bool:
    """Say, cheaply, whether a name is worth a look at what it is given."""
    return name.rstrip(" \t\"'`").lower().endswith(_ENDINGS)


def redact_assigned(text: str) -> tuple[str, int]:
    """Replace values of secret names by ``[redacted:secret]``; return how many they were."""
    text, count = _replace(text, _assigned(text))
    lowered = text.lower()
    if " -" in text and any(hint in lowered for hint in ("-pass", "token", "key", "secret")):
        text, found = _replace(text, _written(text, _FLAG))
        count += found
    if any(hint in lowered for hint in _SPOKEN_HINTS):
        text, found = _replace(text, _written(text, _SPOKEN))
        count += found
    return text, count


def _replace(text: str, found: Iterator[_Assigned]) -> tuple[str, int]:
    parts: list[str] = []
    end = count = 0
    for one in found:
        if one.begin >= end and _is_secret(one, text):
            kind = "password" if "pass" in one.name.lower() else "secret"
            parts += (text[end : one.begin], f"[redacted:{kind}]")
            end = one.end
            count += 1
    return ("".join(parts) + text[end:], count) if count else (text, 0)


def _assigned(text: str) -> Iterator[_Assigned]:
    """Yield what stands behind a name and a sign."""
    for sign in _SIGN.finditer(text):
        start = sign.start()
        before = text[max(0, start - _NAME_MOST_CHARACTERS) : start].rstrip(" \t")
        before = before.rstrip("\"'`\\")
        if not before.lower().endswith(_ENDINGS):
            continue
        name, value = _NAME.search(before), _VALUE.match(text, sign.end())
        if name is None or value is None or not _begins_a_word(before, name.start()):
            continue
        group = "quoted" if value["bare"] is None else "bare"
        yield _Assigned(
            name=name[0],
            is_strong=name["strong"] is not None,
            sign=sign[0],
            value=value[group],
            is_quoted=group == "quoted",
            begin=value.start(group),
            end=value.end(group),
        )


def _written(text: str, look: re.Pattern[str]) -> Iterator[_Assigned]:
    """Yield what stands behind a name without a sign."""
    for match in look.finditer(text):
        yield _Assigned(
            name=match["strong"],
            is_strong=False,  # it needs a digit
            sign="",
            value=match["bare"],
            is_quoted=False,
            begin=match.start("bare"),
            end=match.end("bare"),
        )


def _begins_a_word(before: str, start: int) -> bool:
    """Say whether a name is one of its own: `compass` is no `pass`, `dbPassword` a password."""
    previous = before[start - 1 : start]
    is_camel = previous.islower() and before[start].isupper()
    return not previous.isalpha() or is_camel or before[start:].upper() == "PASSWORD"


def _is_secret(one: _Assigned, text: str) -> bool:
    value = one.value[:LOOKED_AT_CHARACTERS]
    if not one.is_quoted:
        value = value.rstrip(".:!?\\")
    least = _STRONG_LEAST_CHARACTERS if one.is_strong or not one.sign else _WEAK_LEAST_CHARACTERS
    if len(value) < least or _is_other(one, value):
        return False
    if one.is_quoted:
        return " " not in value or "phrase" in one.name.lower()
    if _LETTERS.fullmatch(value):
        return one.is_strong and (one.sign == "=" or _ends_a_line(text, one.end))
    return one.is_strong or any(character.isdigit() for character in value)


def _ends_a_line(text: str, position: int) -> bool:
    return _ENDS_A_LINE.match(text, position) is not None


def _is_other(one: _Assigned, value: str) -> bool:
    """Say whether a value is a placeholder, code, a type, a path or the name of a secret."""
    word = value.lower().strip("_-")
    return bool(
        _WORD.fullmatch(word)
        or "[redacted" in value
        or "[private" in value
        or word == one.name.lower()
        or _PLACEHOLDER.fullmatch(value)
        or (_CODE.fullmatch(value) and not one.is_quoted)
        or _NAME_OF_SECRET.fullmatch(value)
        or (not one.sign and _METHOD.fullmatch(value))
    )
