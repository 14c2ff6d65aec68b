"""Korean: the sounds of its letters by the standard pronunciation."""
