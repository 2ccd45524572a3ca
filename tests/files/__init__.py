"""Opening, writing and cleaning up files."""
