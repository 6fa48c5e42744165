"""Character cards: V1 to V3, in PNG, JSON, YAML and CHARX, with their lorebooks."""
