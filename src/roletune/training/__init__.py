"""Stage 3: examples become an adapter."""
