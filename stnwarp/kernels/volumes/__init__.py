"""Sampling in three dimensions, and its gradients."""
