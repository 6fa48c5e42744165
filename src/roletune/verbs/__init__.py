"""One module a verb: what it reads and writes in a character's folder, and how it goes about it."""
