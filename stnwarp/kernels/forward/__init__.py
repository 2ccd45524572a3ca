"""Sampling: one file for each way of reading and mixing pixels."""
