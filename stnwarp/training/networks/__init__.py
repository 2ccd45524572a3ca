"""The networks that are trained: localisation networks, a classifier, and both around a spatial transformer."""

from stnwarp.training.networks.bounds import BoundedParameters, Bounds
from stnwarp.training.networks.classifier import Classifier, SpatialTransformerClassifier
from stnwarp.training.networks.localisation import LocalisationNetwork

__all__ = ["BoundedParameters", "Bounds", "Classifier", "LocalisationNetwork", "SpatialTransformerClassifier"]
