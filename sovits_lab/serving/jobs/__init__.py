"""Long texts: accepted, kept on disk, spoken later, fetched by a signed link."""
