"""The OpenAI-compatible endpoint: model names are characters."""
