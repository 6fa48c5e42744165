"""Weights: find, fetch, dequantise, load, export."""
