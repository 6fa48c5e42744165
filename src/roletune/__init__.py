"""roletune makes a language model play a character, and proves that it does."""

__version__ = "0.1.0"
