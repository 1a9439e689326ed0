"""`deepguard explain`: why an incident was raised, by which line of which configuration, and who was told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from deepguard.cli.showing import print_facts, print_json, print_time_line, say
from deepguard.cli.stored import ConfigOption, JsonOption, load, read, whole_incident_id
from deepguard.errors import DeepguardError
from deepguard.text import one_line

if TYPE_CHECKING:
    import sqlalchemy as sa

    from deepguard.store.material import Material


def explain(
    incident: Annotated[str, typer.Argument(help="The incident's id, or its first 12 characters.")],
    everything: Annotated[bool, typer.Option("--all", help="Show each verdict, and fold none.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell an incident's story: its verdicts, what raised it, and who was told, or why not."""
    from deepguard.cli.explain_json import story_dict
    from deepguard.cli.explain_words import entries, facts, remarks
    from deepguard.store.material import read_material
    from deepguard.story.folding import folded
    from deepguard.story.timeline import tell

    setup = load(config)

    def work(db: sa.Connection) -> Material | None:
        return read_material(db, whole_incident_id(db, incident))

    material = read(setup.config, work)
    if material is None:
        raise DeepguardError(f"there is no incident '{one_line(incident, 64)}' any more")
    story = tell(material, keep_days=setup.config.store.keep_days)
    if as_json:
        print_json(story_dict(story))
        return
    print_facts(facts(story))
    say("")
    print_time_line(entries(story, story.moments if everything else folded(story.moments)))
    say("")
    for remark in remarks(story):
        say(remark)
