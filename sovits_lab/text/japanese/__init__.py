"""Japanese: phones with pitch accent."""
