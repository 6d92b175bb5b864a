"""Lives of repositories, made from a seed: what was remembered, and questions with their answers.

Several projects share subjects and wordings, facts are superseded by topic and by id, near-equal
facts stay true side by side, secrets stand in the text. A third of the questions has no answer:
about things never written down, or only in another project, or of another subject.
"""

import random
import string
from collections.abc import Iterator
from dataclasses import dataclass, field

from coding_facts import ABSENT, FACTS, NOISE, POOLS, SMALL_TALK, Fact

PROJECTS = 5
SHARE_OF_FACTS = 0.75  # of the bank, for each project another choice
SUBJECTS_MOST = 3
NOISE_OF_PROJECT = 14
PLAIN_NOTE_SHARE = 0.2  # of the facts: agents do not always name the kind
ANSWERABLE_OF_PROJECT = 60
SUPERSEDED_SHARE = 0.2
ALIAS_SHARE = 0.4  # of services
EMPTY_OF_PROJECT = {
    "never stored": 9,
    "small talk": 4,
    "other project": 8,
    "other subject": 7,
    "other identifier": 3,
}
START_US = 1_767_225_600_000_000  # 2026-01-01
DAY_US = 86_400_000_000
OWN_NAMES = ("function", "error", "test", "path")  # pools of names made for each project
_VERBS = ("parse", "load", "build", "merge", "resolve", "fetch", "apply", "render", "sync", "close")
_NOUNS = ("Invoice", "User", "Cart", "Price", "Token", "Order", "Route", "Batch", "Label", "Quote")
_TAILS = ("", "ById", "ByEmail", "Line", "Lines", "Cache", "Header", "Totals", "ForTenant", "V2")
_CODE_WORDS = ("CONN", "LOCK", "SCHEMA", "QUOTA", "SIGN", "UPLOAD", "TENANT", "RATE")
_CODE_ENDS = ("REFUSED", "EXPIRED", "MISMATCH", "TIMEOUT", "INVALID", "GONE")
_FOLDERS = ("src/core", "src/api", "packages/web", "lib/domain", "internal/store", "app/models")
_FILES = ("schema", "client", "types", "routes", "settings", "catalog", "tokens", "events")
_NICKNAMES = (
    "Big Bertha", "the old mule", "Snowball", "the black box", "Methuselah", "the kraken",
    "Project Heron", "the attic",
)  # fmt: skip
_CASUAL = {
    "production": "prod", "database": "DB", "configured": "set up", "repository": "repo",
    "function": "method", "folder": "directory", "requests": "calls", "service": "microservice",
}  # fmt: skip
CASUAL_SHARE = 0.2


@dataclass(kw_only=True)
class LifeMemory:
    """A memory to store. ``supersedes`` is the index of an older one, of any project."""

    project: str
    content: str
    kind: str
    topic: str = ""
    supersedes: int | None = None
    aliases: tuple[str, ...] = ()
    session: str = ""
    sequence: int = 0
    author: str = ""
    when_us: int = 0
    is_retired: bool = False
    secret: str = ""
    fact: str = ""
    subject: str = ""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question of a project; ``gold`` are the indexes of the memories that answer it."""

    project: str
    text: str
    group: str
    gold: frozenset[int] = frozenset()


@dataclass(kw_only=True)
class Lives:
    """All that happened, in the order of time."""

    memories: list[LifeMemory] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)


def make_lives(seed: int) -> Lives:
    """Return the lives of a seed: always the same for the same seed."""
    chance = random.Random(seed)
    lives = Lives()
    towns = chance.sample(("harbor", "meadow", "quarry", "lantern", "orchard", "basalt"), PROJECTS)
    projects = [_Project(f"{town}-{seed}", chance, lives) for town in towns]
    for project in projects:
        project.live()
    for project in projects:
        project.ask(half=seed % 2, others=projects)
    return lives


class _Project:
    def __init__(self, name: str, chance: random.Random, lives: Lives) -> None:
        self.name = name
        self._chance = chance
        self._lives = lives
        self._pools = dict(POOLS) | _own_pools(chance)
        self._free = {pool: list(self._pools[pool]) for pool in OWN_NAMES}
        self._people = chance.sample(POOLS["person"], 4)
        self._nicknames = dict(
            zip(
                chance.sample(POOLS["service"], int(len(POOLS["service"]) * ALIAS_SHARE)),
                chance.sample(_NICKNAMES, len(_NICKNAMES)),
                strict=False,
            )
        )
        self.answers: dict[tuple[str, str], int] = {}  # (fact, subject) -> memory in force
        self._was_superseded: set[tuple[str, str]] = set()
        self._day = 0

    def live(self) -> None:
        """Write down what this project learns."""
        chosen = [fact for fact in FACTS if self._chance.random() < SHARE_OF_FACTS]
        planned = [(fact, subject) for fact in chosen for subject in self._subjects(fact)]
        updates = [
            one
            for one in planned
            if one[0].values != "none" and self._chance.random() < SUPERSEDED_SHARE
        ]
        self._chance.shuffle(planned)
        rest: list[tuple[Fact, str] | None] = [*updates, *[None] * NOISE_OF_PROJECT]
        self._chance.shuffle(rest)
        by_topic = {one for one in updates if self._chance.random() < 0.5}
        for fact, subject in planned:
            self._learn(fact, subject, by_topic=(fact, subject) in by_topic)
        for one in rest:
            if one is None:
                self._note(self._chance.choice(NOISE))
            else:
                self._learn(*one, by_topic=one in by_topic)
        for _ in range(2):
            self._keep_secret()

    def ask(self, *, half: int, others: "list[_Project]") -> None:
        """Add the questions of this project."""
        asked: dict[str, Question] = {}
        everything = [
            *self._answerable(half),
            *self._empty(half, [one for one in others if one is not self]),
        ]
        for question in everything:
            asked.setdefault(question.text, question)
        self._lives.questions.extend(asked.values())

    def _subjects(self, fact: Fact) -> list[str]:
        if not fact.subjects:
            return [""]
        count = self._chance.randint(1, SUBJECTS_MOST)
        if fact.subjects in OWN_NAMES:
            return [self._free[fact.subjects].pop() for _ in range(count)]
        pool = self._people if fact.subjects == "person" else self._pools[fact.subjects]
        return self._chance.sample(pool, count)

    def _learn(self, fact: Fact, subject: str, *, by_topic: bool) -> None:
        older = self.answers.get((fact.name, subject))
        old = None if older is None else self._lives.memories[older]
        text = self._say(fact, subject)
        while old is not None and text == old.content:
            text = self._say(fact, subject)
        is_plain = self._chance.random() < PLAIN_NOTE_SHARE
        memory = self._add(text, "note" if is_plain else fact.kind)
        memory.fact, memory.subject = fact.name, subject
        memory.topic = f"{fact.name} {subject}".strip() if by_topic else ""
        if subject in self._nicknames and fact.subjects == "service":
            memory.aliases = (self._nicknames[subject],)
        if old is not None:
            old.is_retired = True
            self._was_superseded.add((fact.name, subject))
            if not by_topic:
                memory.supersedes = older
        self.answers[fact.name, subject] = len(self._lives.memories) - 1

    def _say(self, fact: Fact, subject: str) -> str:
        value = {
            "path": lambda: f"config/{subject}.{self._chance.choice(('toml', 'yaml', 'json'))}",
            "flag": lambda: f"{subject}_{self._chance.choice(('v2', 'next', 'rework', 'beta'))}",
        }.get(fact.values, lambda: self._chance.choice(self._pools[fact.values]))()
        text = self._chance.choice(fact.says).format(
            s=subject,
            v=value,
            reason=self._chance.choice(POOLS["reason"]),
            cure=self._chance.choice(POOLS["cure"]),
        )
        is_name = fact.subjects in OWN_NAMES or fact.values == "flag"
        return text if is_name else text[0].upper() + text[1:]

    def _note(self, template: str) -> None:
        names = {pool: self._chance.choice(names) for pool, names in self._pools.items()}
        names |= {pool: self._chance.choice(self._free[pool]) for pool in OWN_NAMES}
        self._add(template.format(**names), "note")

    def _keep_secret(self) -> None:
        vendor, env = self._chance.choice(POOLS["vendor"]), self._chance.choice(POOLS["env"])
        if ("secret", f"{vendor} {env}") in self.answers:
            return
        letters = string.ascii_letters + string.digits
        secret = "ghp_" + "".join(self._chance.choices(letters, k=36))
        memory = self._add(
            f"The {vendor} credential of {env} is {secret}, rotate it in June", "fact"
        )
        memory.secret, memory.fact, memory.subject = secret, "secret", f"{vendor} {env}"
        self.answers["secret", memory.subject] = len(self._lives.memories) - 1

    def _add(self, content: str, kind: str) -> LifeMemory:
        self._day += self._chance.randint(0, 2)
        before = self._lives.memories[-1] if self._lives.memories else None
        session = f"{self.name}-day-{self._day}"
        is_same = before is not None and before.session == session
        memory = LifeMemory(
            project=self.name,
            content=content,
            kind=kind,
            session=session,
            sequence=before.sequence + 1 if before is not None and is_same else 1,
            author=self._chance.choice(("", "", *self._people)),
            when_us=START_US + self._day * DAY_US + self._chance.randrange(DAY_US),
        )
        self._lives.memories.append(memory)
        return memory

    def _answerable(self, half: int) -> Iterator[Question]:
        keys = sorted(self.answers)
        for name, subject in self._chance.sample(keys, min(ANSWERABLE_OF_PROJECT, len(keys))):
            gold = frozenset((self.answers[name, subject],))
            if name == "secret":
                vendor, env = subject.split(" ")
                text = (
                    f"when must the {vendor} credential for {env} be rotated?",
                    f"what credential do we have for {vendor} in {env}?",
                )[half]
                yield Question(project=self.name, text=text, group="secret", gold=gold)
                continue
            fact = _FACT_NAMED[name]
            if fact.asks_all and self._chance.random() < 0.3:
                gold = frozenset(key for (other, _), key in self.answers.items() if other == name)
                text = self._chance.choice(fact.asks_all)
                yield Question(project=self.name, text=text, group="several", gold=gold)
                continue
            asked_as, group = subject, "plain"
            if fact.subjects in OWN_NAMES:
                group = "identifier"
            elif (name, subject) in self._was_superseded:
                group = "superseded"
            elif sum(other == name for other, _ in self.answers) > 1:
                group = "near equal"
            if fact.subjects == "service" and self._chance.random() < 0.7:
                asked_as = self._nicknames.get(subject, subject)
                group = "alias" if asked_as != subject else group
            text = self._asked(fact, asked_as, half)
            yield Question(project=self.name, text=text, group=group, gold=gold)

    def _asked(self, fact: Fact, subject: str, half: int) -> str:
        text = self._chance.choice(fact.asks[half]).format(s=subject, words=_words(subject))
        for formal, casual in _CASUAL.items():
            if formal in text and self._chance.random() < CASUAL_SHARE:
                text = text.replace(formal, casual)
        return text

    def _empty(self, half: int, others: "list[_Project]") -> Iterator[Question]:
        def pick(group: str, texts: list[str]) -> Iterator[Question]:
            count = min(EMPTY_OF_PROJECT[group], len(texts))
            for text in self._chance.sample(sorted(set(texts)), count):
                yield Question(project=self.name, text=text, group=group)

        own = {name for name, _ in self.answers}
        elsewhere = sorted(
            {
                key
                for other in others
                for key in other.answers
                if key not in self.answers and key[0] not in (own & _ONCE) and key[0] != "secret"
            }
        )
        asked = [self._asked(_FACT_NAMED[name], subject, half) for name, subject in elsewhere]
        near = [
            self._asked(fact, subject, half)
            for fact in FACTS
            if fact.name in own and fact.subjects not in ("", *OWN_NAMES)
            for subject in self._pools[fact.subjects]
            if (fact.name, subject) not in self.answers
        ]
        told = " ".join(one.content for one in self._lives.memories if one.project == self.name)
        named = [
            self._asked(fact, name, half)
            for fact in FACTS
            if fact.subjects in OWN_NAMES and fact.name in own
            for name in self._free[fact.subjects]
            if name not in told
        ]
        yield from pick("never stored", list(ABSENT[half::2]))
        yield from pick("small talk", list(SMALL_TALK[half::2]))
        yield from pick("other project", asked)
        yield from pick("other subject", near)
        yield from pick("other identifier", named)


_FACT_NAMED = {fact.name: fact for fact in FACTS}
_ONCE = {fact.name for fact in FACTS if not fact.subjects}


def _own_pools(chance: random.Random) -> dict[str, tuple[str, ...]]:
    """Return identifiers of a project's own: camelCase in one, snake_case in another."""
    is_camel = chance.random() < 0.5
    functions = _distinct(
        chance.choice(_VERBS) + chance.choice(_NOUNS) + chance.choice(_TAILS) for _ in range(60)
    )
    tests = _distinct(
        f"test_{chance.choice(_NOUNS).lower()}_{chance.choice(_VERBS)}s_{chance.choice(_FILES)}"
        for _ in range(30)
    )
    errors = _distinct(
        f"ERR_{chance.choice(_CODE_WORDS)}_{chance.choice(_CODE_ENDS)}"
        if chance.random() < 0.6
        else f"{chance.choice('EPX')}{chance.randint(1000, 9999)}"
        for _ in range(30)
    )
    paths = _distinct(
        f"{chance.choice(_FOLDERS)}/{chance.choice(_FILES)}.{chance.choice(('ts', 'py', 'go'))}"
        for _ in range(30)
    )
    return {
        "function": functions if is_camel else tuple(map(_snake, functions)),
        "test": tests,
        "error": errors,
        "path": paths,
    }


def _distinct(names: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def _words(name: str) -> str:
    """Return an identifier as a person says it: ``parseInvoiceLine`` is parse invoice line."""
    return _snake(name).replace("_", " ").removeprefix("test ")
