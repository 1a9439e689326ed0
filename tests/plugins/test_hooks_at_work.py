"""Every hook at work: what shows it in a call with a plugin that implements it is not there in one without."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.hooks_at_work import AT_WORK, story_of
from support.packages import SitePackages


@pytest.mark.parametrize("hook", AT_WORK)
async def test_a_call_shows_that_the_hook_was_asked(hook: str, tmp_path: Path, site: SitePackages) -> None:
    work = AT_WORK[hook]
    assert f"def {hook}(" in work.source
    story = await story_of(tmp_path, site, work, with_it=True)
    assert work.shows(story), story


@pytest.mark.parametrize("hook", AT_WORK)
async def test_a_call_without_it_does_not(hook: str, tmp_path: Path, site: SitePackages) -> None:
    work = AT_WORK[hook]
    story = await story_of(tmp_path, site, work, with_it=False)
    assert not work.shows(story), story
