"""Judges: asked with evidence, read strictly, in both orders, and measured against people before they are believed."""
