"""Prose in files: HTML, PDF, EPUB."""
