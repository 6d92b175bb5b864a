import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.analytics.fingerprints import fingerprint, general_form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("port 5432 is in use", "port 8080 is in use"),
        ("no file /home/a/x/app.py", "no file /srv/app.py"),
        ("no file C:\\a\\b\\app.py", "no file D:\\c\\app.py"),
        (
            "at 2026-11-18T01:02:03Z id 1f0c7a3e9b",
            "at 2025-01-01T00:00:00.5+02:00 id ab12cd34",
        ),
        (
            "request 4a7f0f31-6688-4d58-943f-7ce1948924f8 failed",
            "request 00000000-0000-4000-8000-000000000000 failed",
        ),
        ("GET https://a.example/x?y=1 gave 500", "GET http://b.example/ gave 502"),
        ("object at 0x7f50da27", "object at 0x1"),
        (
            'Traceback (most recent call last):\n  File "a.py", line 3\nValueError: bad',
            'Traceback (most recent call last):\n  File "b.py", line 9\nValueError: bad',
        ),
    ],
)
def test_particulars_make_no_other_kind(one, other):
    assert fingerprint("Bash", "", one) == fingerprint("Bash", "", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("no such file: app.py", "no such file: views.py"),
        ("permission denied", "no such file"),
        ("defaced facade", "decade"),  # words that could be hex
    ],
)
def test_other_words_make_another_kind(one, other):
    assert fingerprint("Bash", "", one) != fingerprint("Bash", "", other)


def test_what_failed_and_its_type_make_the_kind_too():
    marks = {fingerprint(*told) for told in (("a", "x", "m"), ("b", "x", "m"), ("a", "y", "m"))}

    assert len(marks) == 3


@given(st.text())
def test_the_general_form_is_a_form_of_itself(message):
    once = general_form(message)

    assert fingerprint("n", "t", message) == fingerprint("n", "t", message)
    assert len(fingerprint("n", "t", once)) == 8
