"""Losses: a value, and the gradient of what was scored, in one call; averaged, as training wants them."""

from .binary import binary_cross_entropy_with_logits
from .classes import cross_entropy
from .loss import Loss, PairLoss
from .ranking import margin_ranking
from .squares import mse

__all__ = ["Loss", "PairLoss", "binary_cross_entropy_with_logits", "cross_entropy", "margin_ranking", "mse"]
