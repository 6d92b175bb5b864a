"""A file that a memory names, through the protocol."""

from pathlib import Path

from tests.tools.conftest import Ask, text_of


def test_a_memory_whose_file_has_changed_is_to_be_verified(ask: Ask) -> None:
    Path("port.py").write_text("PORT = 5432\n")
    kept = ask("remember", content="The port stands in port.py", files=["port.py"])
    assert kept.structured_content is not None
    sound = ask("recall", query="where is the port")

    Path("port.py").write_text("PORT = 5433\n")
    doubtful = ask("recall", query="where is the port")
    opened = ask("recall", query="port", expand=[kept.structured_content["id"]])

    assert sound.structured_content is not None
    assert doubtful.structured_content is not None
    assert opened.structured_content is not None
    assert "flag" not in sound.structured_content["memories"][0]
    assert doubtful.structured_content["memories"][0]["flag"] == "verify"
    assert "changed since" in text_of(doubtful)
    assert opened.structured_content["memories"][0]["changed"] == ["port.py"]
