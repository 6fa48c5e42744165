"""The one door to text from a model."""
