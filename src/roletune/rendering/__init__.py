"""From a dialogue to tokens: scripts, viewpoint, persona prompt, message grammar, chat template and loss mask."""
