"""The official memory server's knowledge graph: a JSON object a line, an entity or a relation.

An observation becomes a memory that names its entity, for it was written below that name and
says little without it.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.found_memory import FoundMemory
from flowtrace_mcp.model.memory import MemoryKind
from flowtrace_mcp.model.text import UNDECODABLE


class _Entity(msgspec.Struct, tag="entity", tag_field="type"):
    name: str
    entity_type: str = msgspec.field(name="entityType", default="")
    observations: list[str] = []


class _Relation(msgspec.Struct, tag="relation", tag_field="type"):
    source: str = msgspec.field(name="from")
    target: str = msgspec.field(name="to")
    relation_type: str = msgspec.field(name="relationType", default="is related to")


_decoder: Final[msgspec.json.Decoder[_Entity | _Relation]] = msgspec.json.Decoder(
    _Entity | _Relation
)


def parse_graph_line(data: bytes) -> Iterator[FoundMemory]:
    """Yield the memories of a line.

    Raises:
        InputError: It is neither an entity nor a relation.
    """
    try:
        line = _decoder.decode(data)
    except UNDECODABLE as error:
        raise InputError("cannot read the line", why=str(error)[:200]) from error
    match line:
        case _Relation():
            yield FoundMemory(
                content=f"{line.source} {line.relation_type} {line.target}",
                kind=MemoryKind.FACT,
                tags=("relation",),
                aliases=(line.source, line.target),
                metadata={"source": "server-memory", "relation": line.relation_type},
            )
        case _Entity():
            tags = (line.entity_type,) if line.entity_type else ()
            metadata = {"source": "server-memory", "entity": line.name}
            for observation in line.observations:
                yield FoundMemory(
                    content=f"{line.name}: {observation}",
                    kind=MemoryKind.FACT,
                    tags=tags,
                    aliases=(line.name,),
                    metadata=metadata,
                )
            if not line.observations:
                kind = f" ({line.entity_type})" if line.entity_type else ""
                yield FoundMemory(
                    content=f"{line.name}{kind}",
                    kind=MemoryKind.FACT,
                    tags=tags,
                    aliases=(line.name,),
                    metadata=metadata,
                )
