import apsw
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowtrace_mcp.analytics.words import (
    LIMIT_FTS_TERMS,
    LIMIT_IDENTIFIER_TERMS,
    LIMIT_QUERY_TERMS,
    fts_query,
    identifier_terms,
    query_terms,
    search_terms,
)


@pytest.fixture(scope="module")
def index():
    connection = apsw.Connection(":memory:")
    connection.execute(
        "CREATE VIRTUAL TABLE t USING fts5(body, identifiers, project, tokenize='porter unicode61')"
    )
    yield connection
    connection.close()


def found(index, body, question, project="p7"):
    index.execute("DELETE FROM t")
    index.execute("INSERT INTO t VALUES (?, ?, 'p7')", (body, " ".join(identifier_terms(body))))
    query = fts_query(search_terms(question), [project])
    assert query is not None
    return bool(index.execute("SELECT rowid FROM t WHERE t MATCH ?", (query,)).fetchall())


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("How do we deploy the API?", ["deploy", "api"]),
        ("Deploy, deploy and DEPLOY", ["deploy"]),
        ("café Ünïcode 数据库", ["café", "ünïcode", "数据库"]),
        ("हिन्दी शब्द", ["हिन्दी", "शब्द"]),
        ("user_by_id don't", ["user", "id"]),
        ("«quoted» — ・ 🎉 \uff1d", ["quoted"]),
        ("", []),
        ("\x00 \ud800 !?", []),
    ],
)
def test_question_words_are_lower_case_without_stop_words_and_doubles(text, terms):
    assert query_terms(text) == terms


def test_a_question_gives_a_bounded_number_of_terms():
    assert len(query_terms(" ".join(f"w{n}" for n in range(99)))) == LIMIT_QUERY_TERMS


def test_a_name_gives_a_bounded_number_of_terms():
    assert len(identifier_terms(".".join(f"ab{n}" for n in range(999)))) == LIMIT_IDENTIFIER_TERMS


def test_a_term_too_long_to_be_a_word_is_left_out():
    assert query_terms("x" * 513 + " ok") == ["ok"]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("getUserById", ["getuserbyid", "get", "user", "by", "id"]),
        ("HTTPServer", ["httpserver", "http", "server"]),
        ("user_by_id", ["user_by_id", "userbyid", "user", "by", "id"]),
        ("my-component", ["my-component", "mycomponent", "my", "component"]),
        ("os.path", ["os.path", "os", "path"]),
        ("src/app.py:12", ["src/app.py:12", "src", "app", "py", "12"]),
        ("E0425", ["e0425"]),
        ("ERR_CONN_REFUSED", ["err_conn_refused", "errconnrefused", "err", "conn", "refused"]),
        ("0x80070005", ["0x80070005"]),
        ("md5sum", ["md5sum", "md5", "sum"]),
        ("parseHTTPResponse2xx", ["parsehttpresponse2xx", "parse", "http", "response2", "xx"]),
        ("straßenName", ["straßenname", "straßen", "name"]),
        ("数据库", ["数据", "据库"]),
        ("plain words only, right?", []),
        ("... --- ___ /", []),
    ],
)
def test_a_name_gives_itself_and_its_parts(text, terms):
    assert identifier_terms(text) == terms


@pytest.mark.parametrize(
    ("body", "question"),
    [
        ("call getUserById first", "get user by id"),
        ("call getUserById first", "getuserbyid"),
        ("call getUserById first", "user_by_id"),
        ("call get_user_by_id first", "getUserById"),
        ("it failed with ERR_CONN_REFUSED", "connection refused"),
        ("it failed with 0x80070005", "0X80070005"),
        ("see src/components/UserProfile.tsx", "userprofile"),
        ("rustc says E0425", "what is e0425?"),
        ("数据库迁移必须先运行", "迁移"),
        ("to be or not to be", "to be or not"),
        ("we deployed it", "deploying"),
    ],
)
def test_what_was_stored_is_found_in_another_spelling(index, body, question):
    assert found(index, body, question)


def test_another_project_is_not_searched(index):
    assert not found(index, "deploy with make", "deploy", project="p8")


def test_stop_words_inside_a_name_are_not_searched_alone():
    query = fts_query(search_terms("getUserById"), ["p7"])
    assert query is not None
    assert '"by"' not in query


def test_a_question_of_stop_words_searches_them():
    assert (
        fts_query(search_terms("to be"), ["p7", "p0"])
        == 'project : ("p7" OR "p0") AND {body identifiers} : ("to" OR "be")'
    )


@pytest.mark.parametrize("text", ["", "  ", "?!", "\x00", "\ud800", "🎉", "___"])
def test_a_question_without_words_is_no_query(text):
    assert fts_query(search_terms(text), ["p7"]) is None


def test_a_query_has_a_bounded_number_of_terms():
    query = fts_query(search_terms(" ".join(f"someName{n}" for n in range(99))), ["p7"])
    assert query is not None
    assert query.count(" OR ") == LIMIT_FTS_TERMS - 1


@given(st.text(max_size=80), st.text(st.characters(exclude_characters="\x00"), max_size=8))
@example('" OR project : "p1', 'p"7')
@example("NEAR(a b) AND NOT c* ^d {x} : e", "p7")
@example("a\x00b", "p7")
def test_no_input_is_read_as_query_syntax(index, text, project):
    query = fts_query(search_terms(text), [project.encode("utf-8", "ignore").decode() or "p"])
    if query is not None:
        index.execute("SELECT rowid FROM t WHERE t MATCH ?", (query,)).fetchall()


@given(st.text(max_size=80))
def test_terms_are_distinct_lower_case_and_not_blank(text):
    for terms in (query_terms(text), identifier_terms(text)):
        assert len(set(terms)) == len(terms)
        assert all(term.strip() and term == term.lower() for term in terms)
