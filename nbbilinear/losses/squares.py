"""Mean squared error."""

from .loss import Array, Loss, compared


def mse(predictions: Array, targets: Array) -> Loss:
    """Mean squared error, ``value = 1/n Σ (predictions - targets)²`` over all n elements.

    Parameters
    ----------
    predictions : array of float32 or float64, any shape
    targets : array of the same shape
        Real; cast to the predictions' dtype.

    Returns
    -------
    Loss
        ``value``, a scalar, and ``grad = 2/n (predictions - targets)``, in the predictions' shape, dtype and library.

    Raises
    ------
    ShapeError
        The shapes differ, or there are no elements. Nothing is broadcast.
    DTypeError
        Predictions are not float32 or float64, or targets are not real.
    BackendError
        Operands are of different libraries.

    Notes
    -----
    Cost: three passes, two arrays of the operands' size.
    Source: ``torch.nn.functional.mse_loss`` with ``reduction="mean"``.

    Examples
    --------
    >>> import numpy as np
    >>> from nbbilinear.losses import mse
    >>> loss = mse(np.array([1.0, 4.0]), [1, 2])
    >>> float(loss.value), loss.grad
    (2.0, array([0., 2.]))
    """
    targets, predictions = compared("mse", targets, predictions=predictions)
    grad = predictions - targets
    value = (grad * grad).mean()
    grad *= 2 / grad.size
    return Loss(value, grad)
