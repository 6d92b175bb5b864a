"""The list of points and the tests of this folder, checked in both directions."""

from tests.ingest.conformance.points import POINTS, proofs


def test_points_are_numbered_without_a_gap():
    assert [point.number for point in POINTS] == list(range(1, 34))


def test_every_point_has_a_test():
    shown = {proof.point for proof in proofs()}
    assert [point.number for point in POINTS if point.number not in shown] == []


def test_no_test_names_an_unknown_point():
    known = {point.number for point in POINTS}
    assert [proof.name for proof in proofs() if proof.point not in known] == []


def test_no_two_tests_have_one_name():
    names = [proof.name for proof in proofs()]
    assert len(names) == len(set(names))
