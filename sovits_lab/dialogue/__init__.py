"""Interactive films: a story in ink, characters with moods, lines that a voice speaks with lips in time."""
