"""Machinery that knows nothing of characters: runner, store, progress, manifest."""
