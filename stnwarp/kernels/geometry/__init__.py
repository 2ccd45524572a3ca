"""Where output pixels are read: coordinates, padding, regions, neighbours, taps and their weights."""
