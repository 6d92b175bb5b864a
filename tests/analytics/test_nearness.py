from flowtrace_mcp.analytics.nearness import nearest, shared_rarity


def test_who_shares_the_rarest_words_comes_first() -> None:
    holders = {"port": {1, 2, 3}, "staging": {2}, "unheard": set[int]()}

    shared = shared_rarity(holders, 10)

    assert list(shared) == [2, 3, 1]
    assert shared[2] > shared[3] == shared[1] > 0


def test_a_word_that_more_hold_than_there_are_memories_still_counts() -> None:
    assert shared_rarity({"port": {1, 2, 3}}, 1)[1] > 0


def test_of_those_that_share_as_much_the_shorter_is_nearer_then_the_newer() -> None:
    shared = {1: 2.0, 2: 2.0, 3: 2.0, 4: 1.0}

    assert nearest(shared, {1: 40, 2: 80, 3: 40, 4: 40}, 4) == [3, 1, 2, 4]


def test_no_more_are_near_than_asked_for() -> None:
    assert nearest({1: 2.0, 2: 1.0}, {1: 9, 2: 9}, 1) == [1]
    assert nearest({1: 2.0}, {}, 5) == []


def test_texts_without_characters_are_near_too() -> None:
    assert nearest({1: 2.0}, {1: 0}, 5) == [1]
