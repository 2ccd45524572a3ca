"""Files, for every room above: opened without waiting, written whole or not at all, JSON read strictly."""
