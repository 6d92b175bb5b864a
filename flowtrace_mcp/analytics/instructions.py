"""Text that reads like an instruction to a model: found by rule, fenced as the data it is."""

import re
from typing import Final

# What is not seen, but splits a word that a rule looks for.
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
# Letters that no screen shows, but models read; black flags of regions end in some.
_HIDDEN_LETTERS: Final = re.compile("(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0020-\U000e007e]")
_EARLIER: Final = (
    "(?:all|any|every|the|your|my|these|those|of|previous|prior|above|earlier|preceding|system"
    "|other|safety)"
)
_ORDERS: Final = (
    "(?:instructions?|prompts?|rules|directions|directives|guidelines|guardrails|training|messages)"
)
_MODEL: Final = "(?:ai|llm|assistant|model|claude|gpt|chatgpt|copilot|gemini|agent)"
_TAGS: Final = (
    "(?:system|system-reminder|assistant|instructions?|function_calls?|invoke|tool_call|tool_use"
    "|tool_result|function_results?|tool_response)"
)
# (words of which one must be there, the rule), both of small letters
_RULES: Final = (
    # Away with what was told before
    (
        "ignore disregard forget override bypass neglect",
        f"(?:ignore|disregard|forget|override|bypass|neglect)(?:\\s+{_EARLIER}){{1,5}}\\s+{_ORDERS}",
    ),
    (
        "ignore disregard forget",
        "(?:ignore|disregard|forget)\\s+(?:everything|anything|all)\\s+(?:above|before|you)\\b",
    ),
    ("new updated real actual hidden", f"(?:new|updated|real|actual|hidden)\\s+{_ORDERS}\\s*:"),
    # A new part to play
    ("you", "you\\s+(?:must|will|shall|should|have\\s+to|need\\s+to)\\s+now\\b"),
    ("you", "you\\s+are\\s+now\\s+(?:an?|the|in|free|dan|root|unrestricted|allowed)\\b"),
    ("from", "from\\s+now\\s+on,?\\s+(?:you|always\\s+(?:answer|respond|reply))\\b"),
    ("pretend act", "(?:pretend|act\\s+as\\s+if)\\s+(?:to\\s+be|you|there)\\b"),
    ("mode", "(?:developer|god|jailbreak|dan)\\s+mode\\s+(?:is\\s+)?(?:enabled|on|activated)"),
    # What is kept from the user
    (
        "user human owner",
        (
            "do\\s+not\\s+(?:tell|inform|alert|ask|warn|show)\\s+"
            "(?:this\\s+to\\s+|it\\s+to\\s+)?the\\s+(?:user|human|owner)"
        ),
    ),
    (
        "without",
        "without\\s+(?:telling|asking|informing|notifying|alerting)\\s+the\\s+(?:user|human|owner)",
    ),
    (
        "prompt instruction",
        (
            "(?:reveal|print|repeat|output|show|leak|send)\\s+(?:me\\s+)?(?:your|the)\\s+(?:full\\s+)?"
            "(?:system\\s+prompt|(?:initial|hidden)\\s+instructions)"
        ),
    ),
    # Somebody is spoken to
    (
        "dear attention hey note message",
        f"(?:dear|attention|hey|note\\s+to|message\\s+for)\\s+(?:the\\s+)?{_MODEL}\\b",
    ),
    (
        "read see",
        f"(?:if|when)\\s+(?:you\\s+are\\s+)?an?\\s+{_MODEL}\\b[^.\\n]{{0,40}}\\b(?:reads?|sees?)\\b",
    ),
    (
        "must please ignore run execute not call",
        f"\\b{_MODEL}s?\\s*[:,]\\s+(?:you\\s+must|please|ignore|run|execute|do\\s+not|call)\\b",
    ),
    # The forms in which models are spoken to
    (
        "system assistant developer",
        (
            "^[ \\t#>*\\[(]{0,8}(?:system|assistant|developer)(?:\\s+(?:prompt|message))?"
            "[\\])*]{0,3}\\s*:\\s*\\S"
        ),
    ),
    (
        "<| inst] <<sys _of_turn",
        "<\\|[a-z_]{2,20}\\|>|\\[/?inst\\]|<</?sys>>|<(?:start|end)_of_turn>",
    ),
    ("<", f"</?(?:[a-z]{{1,8}}:)?{_TAGS}(?:\\s[^>\\n]{{0,200}})?/?>"),
    ("tool_ function_", "[\"']type[\"']\\s*:\\s*[\"'](?:tool_use|function_call|tool_call)[\"']"),
)
_HINTED: Final = tuple(
    (hint, pattern)
    for hints, rule in _RULES
    for pattern in (re.compile(rule, re.MULTILINE),)
    for hint in hints.split()
)
LOOKED_AT_CHARACTERS: Final = 100_000


def reads_as_instruction(text: str) -> bool:
    """Say whether a text speaks to a model rather than about something.

    It is a mark for a reader and never a reason to refuse a text: rules of a team are orders
    as well ("never push to main"), and pass.
    """
    text = text[:LOOKED_AT_CHARACTERS]
    if not text.isascii():
        if _HIDDEN_LETTERS.search(text):
            return True
        text = _INVISIBLE.sub("", text)
    lowered = text.lower()
    rules = dict.fromkeys([rule for hint, rule in _HINTED if hint in lowered])
    return any(rule.search(lowered) is not None for rule in rules)


def fenced(text: str, mark: str) -> str:
    """Return a text between two lines that nothing within it can be taken for.

    Args:
        text: What somebody else wrote.
        mark: A word; it grows until the text does not hold it.
    """
    while mark in text:
        mark += "="
    return f"<<{mark}\n{text}\n{mark}>>"
