"""What a new memory is to an old one, decided by rules a person can follow.

A similarity threshold alone cannot tell an update from a neighbour: "staging uses port 5432" and
"production uses port 5433" are closer than many true updates. So a text is read as plain words,
which say what it is about, and values (numbers, versions, identifiers, proper names), which say
what is claimed. Two texts about the same thing with other values, or with a "not" on one side
only, contradict each other; two texts about other things never do. Negation and inflection are
those of English; elsewhere values alone make a conflict.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

# Share of common words from which two texts are about the same thing. With a word of its own on
# each side ("staging", "production") the subject may be another one, so far more must agree: one
# such pair among twelve common words.
_SAME_SUBJECT: Final = 0.75
_REWORDED: Final = 0.85
# A text that is wholly inside a longer one is refined by it, unless it is a scrap of it: three
# words occur together in most long texts by chance.
_CONTAINED: Final = 1 / 3
_LIMIT_CHANGED_VALUES: Final = 2  # more make it another event, not another opinion

_CONTRACTION: Final = re.compile(r"n['’]t\b")  # noqa: RUF001 the typographic apostrophe is meant
_NUMBER_WITH_UNIT: Final = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)(?=[^\W\d_]{1,3}\b)")
_UNSPACED: Final = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"  # scripts without blanks
_SYMBOLS: Final = r"\u2190-\u2bff\U0001f000-\U0001faff"
# Not \w: that drops the vowel signs of Indic scripts, and with them the meaning.
_SOLID: Final = rf"[^\s!\"$%&'()*,;<=>?\[\\\]^`{{|}}~./:@\-\xa1-\xbf\u2000-\u206f\u3000-\u303f{_UNSPACED}{_SYMBOLS}]"
_TOKEN: Final = re.compile(
    rf"[{_UNSPACED}]|[{_SYMBOLS}]"
    rf"|(?:(?<!\S)-(?=\d))?(?![_#+]){_SOLID}(?:[./:@-]*{_SOLID})*"  # word, name, path, version
    r"|[<>=]=?|!=|[+%&|^~$@]+"  # signs that change the meaning
)
_SENTENCE_END: Final = re.compile(r"[.!?:;\n]")
_VALUE_MARKS: Final = re.compile(rf"[\d./:@#+_<>=%${_SYMBOLS}]")

_IGNORED_TEXT: Final = (
    "a an the this that these those it its is are was were be been being am do does did has "
    "have had will would shall should must can could may might and of for in on at by with "
    "to from into over than then as so we our us you your i my me they their please always"
)
_IGNORED: Final = frozenset(_IGNORED_TEXT.split())
_NEGATIONS: Final = frozenset(("not", "no", "never", "without", "neither", "nor", "avoid", "off"))
_OPPOSITES: Final = {"disabl": "enabl", "deni": "allow", "fals": "tru", "optional": "requir"}
# Words around which an exchange of places changes the meaning.
_DIRECTIONS: Final = frozenset(("before", "after", "over", "than", "from", "to", "into", "instead"))
_CLAIMS: Final = frozenset(("before", "after"))


# A new text is compared with several older ones: it is taken apart once.
_KEPT_TEXTS: Final = 8
_KEPT_TERMS: Final = 4_096
_KEPT_CHARACTERS: Final = 32
# Near texts have three quarters in common, less what negations and values make different.
_LEAST_SHARED: Final = 0.2


class Likeness(StrEnum):
    """What a new text is to an old one."""

    SAME = "same"  # equal but for case, blanks and punctuation
    CONFLICTS = "conflicts"  # the same subject, another claim
    REFINES = "refines"  # the same subject, more or fewer words, no other claim
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class _Term:
    form: str
    is_value: bool
    is_negated: bool


@lru_cache(maxsize=_KEPT_TEXTS)
def fold_text(text: str) -> str:
    """Return a text without case, blanks, punctuation and contractions: equal for equal claims.

    Signs that carry meaning stay: ``<``, ``+``, ``%``, the minus of a number, emoji. A text of
    nothing but punctuation stays as it is.
    """
    return " ".join(_TOKEN.findall(_plain(text))).lower() or " ".join(text.split())


def compare_texts(old: str, new: str) -> Likeness:
    """Return what a new text is to an old one.

    Near-equal means: of the words that either text has, at least three quarters are in both, or
    all words of one are in the other. Values and negations are compared only then.
    """
    if fold_text(old) == fold_text(new):
        return Likeness.SAME
    if not _may_be_near(_beginnings(old), _beginnings(new)):
        return Likeness.DIFFERENT
    return _compare_terms(_terms(old), _terms(new), f"{old} {new}")


def _compare_terms(
    old_terms: tuple[_Term, ...], new_terms: tuple[_Term, ...], text: str
) -> Likeness:
    values = {term.form for term in (*old_terms, *new_terms) if term.is_value}
    old_forms = {term.form for term in old_terms}
    new_forms = {term.form for term in new_terms}
    changed = (old_forms - new_forms) & values, (new_forms - old_forms) & values
    is_near, is_contained = _nearness(old_forms - changed[0], new_forms - changed[1])
    if not is_near and not is_contained:
        return Likeness.DIFFERENT
    if _is_negated_on_one_side(old_terms, new_terms):
        return Likeness.CONFLICTS
    if all(changed):
        is_claim = is_near and max(map(len, changed)) <= _LIMIT_CHANGED_VALUES
        return Likeness.CONFLICTS if is_claim else Likeness.DIFFERENT
    if _is_turned_round(old_terms, new_terms, text):
        return Likeness.CONFLICTS
    return Likeness.REFINES


def _may_be_near(old: frozenset[str], new: frozenset[str]) -> bool:
    """Say whether texts share enough to be taken apart, which takes twenty times as long."""
    return len(old & new) >= _LEAST_SHARED * min(len(old), len(new))


@lru_cache(maxsize=_KEPT_TEXTS)
def _beginnings(text: str) -> frozenset[str]:
    """Return how the words of a text begin: what stemming leaves as it is."""
    return frozenset(word[:3] for word in _TOKEN.findall(_plain(text).lower()))


def _nearness(old: set[str], new: set[str]) -> tuple[bool, bool]:
    """Say whether two sets of words are nearly equal, and whether one contains the other."""
    common, union = len(old & new), len(old | new)
    if not common:
        return False, False
    is_contained = common in (len(old), len(new))
    share = common / union
    is_near = share >= (_SAME_SUBJECT if is_contained else _REWORDED)
    return is_near, is_contained and share >= _CONTAINED


def _is_negated_on_one_side(old: tuple[_Term, ...], new: tuple[_Term, ...]) -> bool:
    old_signs = {(term.form, term.is_negated) for term in old}
    new_signs = {(term.form, term.is_negated) for term in new}
    return any(
        (form, not is_negated) in new_signs and (form, is_negated) not in new_signs
        for form, is_negated in old_signs
    )


def _is_turned_round(old: tuple[_Term, ...], new: tuple[_Term, ...], text: str) -> bool:
    """Say whether the same terms stand in another order around a word of direction."""
    old_forms, new_forms = [term.form for term in old], [term.form for term in new]
    is_reordered = old_forms != new_forms and sorted(old_forms) == sorted(new_forms)
    return is_reordered and not _DIRECTIONS.isdisjoint(text.lower().split())


@lru_cache(maxsize=_KEPT_TEXTS)
def _plain(text: str) -> str:
    """Return a text with contractions written out and numbers apart from their units."""
    text = unicodedata.normalize("NFKC", text)
    for short, full in (("can't", "can not"), ("cannot", "can not"), ("won't", "will not")):
        text = text.replace(short, full)
    return _NUMBER_WITH_UNIT.sub(r"\1 ", _CONTRACTION.sub(" not", text))


@lru_cache(maxsize=_KEPT_TEXTS)
def _terms(text: str) -> tuple[_Term, ...]:
    """Return what a text says, in order, each term with the negation in front of it."""
    text = _plain(text)
    terms: list[_Term] = []
    is_negated = False
    end = 0
    for match in _TOKEN.finditer(text):
        token, folded = match[0], match[0].lower()
        is_first = not end or _SENTENCE_END.search(text, end, match.start()) is not None
        end = match.end()
        if folded in _NEGATIONS:
            is_negated = True
        elif folded not in _IGNORED:
            read = _kept_term if len(token) <= _KEPT_CHARACTERS else _term
            terms.append(read(token, is_first=is_first, is_negated=is_negated))
            is_negated = False
    if is_negated and terms:  # "the cache is off"
        last = terms[-1]
        terms[-1] = _Term(last.form, last.is_value, not last.is_negated)
    return tuple(terms)


def _term(token: str, *, is_first: bool, is_negated: bool) -> _Term:
    folded = token.lower()
    is_name = token[0].isupper() and not is_first
    is_identifier = token[1:] != folded[1:] or _VALUE_MARKS.search(token) is not None
    if is_name or is_identifier or folded in _CLAIMS:
        return _Term(folded, is_value=True, is_negated=is_negated)
    stem = _stem(folded)
    if stem in _OPPOSITES:
        return _Term(_OPPOSITES[stem], is_value=False, is_negated=not is_negated)
    return _Term(stem, is_value=False, is_negated=is_negated)


_kept_term: Final = lru_cache(_KEPT_TERMS)(_term)


def _stem(word: str) -> str:
    """Return a word without the endings of number and tense: use, uses, used, using are one."""
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and not word.endswith("ss") and len(word) > len(ending) + 1:
            word = word[: -len(ending)]
            break
    return word.removesuffix("e")
