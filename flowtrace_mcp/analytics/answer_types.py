"""What sort of thing a question asks for, and whether a text holds one: a port, a time, a person.

A memory may name the very subject of a question and still answer another one: "calls to Stripe
time out after 8 s" says nothing about how many of them are allowed. The patterns are those of
English and of code; a question that none of them knows expects nothing in particular.
"""

import re
from typing import Final

# What a question says -> what an answer to it holds.
_TYPES: Final = tuple(
    (re.compile(asks, re.IGNORECASE), re.compile(holds, re.IGNORECASE))
    for asks, holds in (
        (r"\bports?\b", r"\bports?\b|:\d{2,5}\b"),
        (r"\bram\b|\bmemory\b|\bresources\b", r"\b[kmg]i?b\b|\bmemory\b"),
        (
            r"\brate limits?\b|\brequests\b|throttl|\bquota\b|\bhow many calls\b",
            (
                r"\b(?:a|an|per|each|every) (?:second|minute|hour|day)\b|/ ?(?:s|min|h|day)\b|\b429\b"
                r"|\blimit"
            ),
        ),
        (
            (
                r"\bhow long\b|\btimeout\b|\bretention\b|\b(?:age limit|lifetime|ttl)\b"
                r"|\bhow much time\b|\bwait for\b|\bexpires?\b"
            ),
            (
                r"\b(?:\d+|an?|one|two|three|four|six|ten|twelve) ?"
                r"(?:ms|s|secs?|seconds?|mins?|minutes?|h|hours?|d|days?|weeks?|months?|years?)\b"
            ),
        ),
        (r"\bhow (?:many|much)\b|\b(?:batch|chunk|page|pool) size\b", r"\d"),
        (
            (
                r"\bwh(?:at|ich) (?:time|hour|day|weekday|month|date)\b|\bcron\b|\bschedul"
                r"|\bwhen (?:do|does|are|is|will|must|was|did)\b"
            ),
            (
                r"\b\d{1,2}:\d\d\b|\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b"
                r"|\b(?:january|february|march|april|may|june|july|august|september|october"
                r"|november|december)\b|\b(?:hourly|daily|nightly|weekly|monthly)\b"
                r"|\bevery (?:\d+|second|minute|hour|day|week|month|year)\b|\d{4}-\d\d|\d+\.\d+"
                r"|\b(?:seconds|minutes|hours|days|weeks|months|years)\b|\b(?:morning|evening)s?\b"
            ),
        ),
        (
            r"\bwho(?:m|se)?\b|\bwhich team\b|\bowner(?:ship)?\b",
            r"\bteams?\b|\bown(?:s|er|ed)?\b|\bask\b|\bcontact\b|\bresponsible\b|@",
        ),
        (
            r"\bwhere\b|\bwhich file\b|\bpath\b|\blocation\b|\bregion\b|\bdirectory\b|\bfolder\b",
            (
                r"[\w-]+/[\w./-]+|\w\.\w{1,5}\b|\b[a-z]+-[a-z]+-\d|\bfolder\b|\bdirectory\b"
                r"|\bstored\b|\bbucket\b|\b(?:in|under) the\b"
            ),
        ),
        (
            r"\bversions?\b|\bbump\b|\bupgrade\b|\bupdate\b|\blatest\b|\bruntime\b",
            r"\d+\.\d+|\bv\d|\bheader\b",
        ),
        (
            (
                r"\bcommand\b"
                r"|\bhow (?:do|are|can) (?:[\w-]+ ){1,3}(?:run|apply|launch|launched|start|execute)"
            ),
            r"`[^`]+`|\$ |\brun\b",
        ),
        (
            r"\bflag\b|\btoggles?\b|\bturn on\b|\benable\b",
            r"\bflag\b|\btoggle\b|\bswitch|\benable|\b[a-z]+_\w+",
        ),
    )
)


def holds_answer(question: str, text: str) -> bool | None:
    """Say whether a text holds what a question asks for; None when that cannot be told.

    Args:
        question: Any text.
        text: What may answer it. It has to hold every sort of thing that is asked for.
    """
    wanted = [holds for asks, holds in _TYPES if asks.search(question)]
    return all(holds.search(text) for holds in wanted) if wanted else None
