"""What led to what, over who is whose parent: cycles and parents that never came do no harm."""

from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def ancestors_of(node: Node, parents: Mapping[Node, Node]) -> list[Node]:
    """Return what led to a node, its parent first.

    Args:
        node: Where to begin.
        parents: Node -> its parent; roots are missing, or have a parent that is no node.
    """
    found: dict[Node, None] = {}
    above = parents.get(node)
    while above is not None and above in parents and above not in found and above != node:
        found[above] = None
        above = parents.get(above)
    return list(found)


def children_by(parents: Mapping[Node, Node]) -> dict[Node, list[Node]]:
    """Return node -> those whose parent it is, in the order of ``parents``."""
    children: dict[Node, list[Node]] = {}
    for node, parent in parents.items():
        if node != parent:
            children.setdefault(parent, []).append(node)
    return children


def descendants_of(node: Node, children: Mapping[Node, Sequence[Node]]) -> list[Node]:
    """Return all that a node led to, nearest first.

    Args:
        node: Where to begin.
        children: Node -> those below it.
    """
    found: dict[Node, None] = {}
    waiting = deque(children.get(node, ()))
    while waiting:
        below = waiting.popleft()
        if below not in found and below != node:
            found[below] = None
            waiting += children.get(below, ())
    return list(found)


def path_between(start: Node, end: Node, parents: Mapping[Node, Node]) -> list[Node]:
    """Return the nodes from one to another, both included, over their nearest common ancestor.

    Returns:
        Nothing when no node led to both.
    """
    up = [start, *ancestors_of(start, parents)]
    down = [end, *ancestors_of(end, parents)]
    places = {node: at for at, node in enumerate(down)}
    for at, node in enumerate(up):
        if node in places:
            return [*up[: at + 1], *reversed(down[: places[node]])]
    return []
