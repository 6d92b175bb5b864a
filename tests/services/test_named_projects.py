"""Callers without a folder mean a project by a name."""

import pytest

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.services.named_projects import UNNAMED_PROJECT, named_project


def test_a_new_name_is_a_project_of_its_own(context):
    assert named_project(context, " shop ").identity == "name:shop"


def test_a_name_means_the_repository_that_has_it(context):
    context.store.project_id("git:example.com/o/shop", "shop")
    assert named_project(context, "shop").identity == "git:example.com/o/shop"
    assert named_project(context, "git:example.com/o/shop").name == "shop"


def test_a_project_that_was_named_so_wins_over_repositories_of_that_name(context):
    context.store.project_id("git:example.com/o/shop", "shop")
    context.store.project_id("name:shop", "shop")
    assert named_project(context, "shop").identity == "name:shop"


def test_a_name_of_several_repositories_is_refused_with_their_identities(context):
    context.store.project_id("git:example.com/a/shop", "shop")
    context.store.project_id("git:example.com/b/shop", "shop")
    with pytest.raises(InputError) as caught:
        named_project(context, "shop")
    assert "git:example.com/b/shop" in caught.value.mend


def test_without_a_name_it_is_the_one_of_the_settings(make_context):
    assert named_project(make_context(), "").name == UNNAMED_PROJECT
    assert named_project(make_context(FLOWTRACE_PROJECT="bank"), " ").name == "bank"
