"""Stage 1: what is known becomes what was lived: scenes, experiences, protective scenes."""
