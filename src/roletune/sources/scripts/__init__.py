"""Whoever speaks in turn: scripts, plays, subtitles, recognised speech."""
