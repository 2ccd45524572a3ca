"""What docs/make_sample_images.py draws with: one module per kind of picture, NumPy and Pillow only."""
