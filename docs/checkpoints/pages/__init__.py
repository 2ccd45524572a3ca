"""Pages of text for training the checkpoint `page`: set in system fonts, then scanned or photographed by chance."""
