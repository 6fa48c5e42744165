from roletune.cli import app
from roletune.cli.panels import PANELS, name_of


def test_every_command_stands_under_a_heading():
    shown = [(name_of(command), command.rich_help_panel) for command in app.registered_commands]
    assert all(name in PANELS[panel] for name, panel in shown)


def test_commands_are_listed_in_the_order_of_their_headings():
    listed = [name for names in PANELS.values() for name in names]
    assert [name_of(command) for command in app.registered_commands] == [
        name for name in listed if name in {name_of(command) for command in app.registered_commands}
    ]
