"""Stage 2: what was lived becomes examples: curated, deduplicated, split, rendered."""
