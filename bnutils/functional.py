"""Batch norm as functions of NumPy arrays, with the names and conventions of ``torch.nn.functional``.

This module checks the arguments and states what is computed; ``_passes`` computes it.
"""

import numpy as np

from bnutils import _checks, _passes


def batch_norm(
    input, running_mean=None, running_var=None, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5
):
    """Normalize each channel, then scale and shift it, as ``torch.nn.functional.batch_norm``.

    Training mode uses the mean and the *biased* variance of the batch, and moves the running arrays, if given, in
    place: ``running = (1 - momentum) * running + momentum * batch``, with the *unbiased* variance of the batch.
    Evaluation mode uses the running arrays, and changes nothing.

    Parameters
    ----------
    input : array, shape (N, C) or (N, C, *)
        N samples of C channels, in any unit. float16 is computed in float32, integers in float64.
    running_mean, running_var : ndarray of floats, shape (C,), optional
        Running statistics, in the unit of the input and its square. Evaluation mode needs both, training both or none.
    weight, bias : array, shape (C,), optional
        The scale γ and the shift β; 1 and 0 where not given.
    training : bool
        Which of the two modes.
    momentum : float in [0, 1]
        The share of the *new* batch in the running arrays.
    eps : float
        Added to the variance, under the root; in the squared unit of the input. > 0 in training, >= 0 in evaluation.

    Returns
    -------
    output : ndarray, shape and floating dtype of the input
        ``(input - mean) / sqrt(var + eps) * weight + bias``. nan and inf stay within their channel.

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong type or value, fewer than two values per channel in training, an eps of 0 where
        running_var is 0. Nothing has been changed then. An empty batch has an empty output in evaluation.

    Warns
    -----
    RuntimeWarning
        Where a result is too large for its dtype, as the square of 1e200 is in running_var; the output is right then.

    Source: Ioffe & Szegedy (2015), algorithms 1 and 2.

    >>> z = np.array([[1.0], [2.0], [4.0], [5.0]])  # mean 3, biased variance 2.5, unbiased 10/3
    >>> running_mean, running_var = np.zeros(1), np.ones(1)
    >>> batch_norm(z, running_mean, running_var, training=True).round(3).ravel()
    array([-1.265, -0.632,  0.632,  1.265])
    >>> running_mean.round(3), running_var.round(3)  # 0.9 * 0 + 0.1 * 3 and 0.9 * 1 + 0.1 * 10/3
    (array([0.3]), array([1.233]))
    """
    x = _checks.batch("input", input, least=2 if _checks.flag("training", training) else 0)
    channels, eps, momentum = x.shape[1], _checks.eps(eps, training), _checks.momentum(momentum)
    gamma = _checks.per_channel("weight", weight, channels, default=1.0)
    beta = _checks.per_channel("bias", bias, channels, default=0.0)
    others = {"input": input, "weight": weight, "bias": bias}
    mean, var = _checks.running(running_mean, running_var, channels, training, eps, others)

    # nan and inf pass in silence, as in torch; what float64 cannot hold does not
    with np.errstate(all="ignore", over="warn" if not training and x.dtype == np.float64 else "ignore"):
        if training:
            y, batch_mean, batch_var = _passes.train(_passes.three_axes(x, x.dtype), gamma, beta, eps)
        else:
            y = _passes.evaluate(_passes.three_axes(x, x.dtype), mean, var, gamma, beta, eps)
        output = y.reshape(x.shape).astype(x.dtype, copy=False)
        if training and mean is not None:
            running_mean[:] = (1 - momentum) * mean + momentum * batch_mean
            running_var[:] = (1 - momentum) * var + momentum / (1 - channels / x.size) * batch_var  # unbiased
            _checks.fits("running_mean", running_mean, mean, batch_mean)
            _checks.fits("running_var", running_var, var, batch_mean)
    return output


def batch_norm_backward(grad_output, input, weight=None, running_mean=None, running_var=None, training=True, eps=1e-5):
    """Return the gradients of a loss by the input, the weight and the bias of ``batch_norm``.

    In training mode mean and variance depend on the input too, so that its gradient has three terms; in evaluation mode
    they are constants. With x̂ the normalized input and m values per channel::

        grad_input = weight / sqrt(var + eps) * (grad_output - sum(grad_output) / m - x̂ * sum(grad_output * x̂) / m)

    Parameters
    ----------
    grad_output : array, shape of the input
        Gradient of the loss by the output.
    input, weight, running_mean, running_var, training, eps
        As in ``batch_norm``. Training mode does not read the running arrays.

    Returns
    -------
    grad_input : ndarray, shape and floating dtype of the input
    grad_weight, grad_bias : ndarray, shape (C,), float64
        ``sum(grad_output * x̂)`` and ``sum(grad_output)``.

    Raises
    ------
    TypeError, ValueError
        As ``batch_norm``, and for a grad_output of another shape than the input.

    Warns
    -----
    RuntimeWarning
        Where grad_weight is too large for float64.

    Source: Ioffe & Szegedy (2015), section 3.

    >>> z = np.array([[1.0], [2.0], [4.0], [5.0]])
    >>> grad_input, grad_weight, grad_bias = batch_norm_backward([[1.0], [0.0], [0.0], [0.0]], z)
    >>> grad_input.round(3).ravel()  # it adds up to 0: shifting the batch changes nothing
    array([ 0.221, -0.285, -0.032,  0.095])
    >>> grad_weight.round(3), grad_bias
    (array([-1.265]), array([1.]))
    """
    x = _checks.batch("input", input, least=2 if _checks.flag("training", training) else 0)
    grad = _checks.batch("grad_output", grad_output, least=min(x.size, 1))
    if grad.shape != x.shape:
        raise ValueError(f"grad_output must have the shape of the input, {x.shape}, got shape {grad.shape}")
    channels, eps = x.shape[1], _checks.eps(eps, training)
    gamma = _checks.per_channel("weight", weight, channels, default=1.0)

    dtype = np.result_type(x, grad)
    with np.errstate(all="ignore"):
        z, g = _passes.three_axes(x, dtype), _passes.three_axes(grad, dtype)
        if training:
            grad_input, grad_weight, grad_bias = _passes.train_backward(g, z, gamma, eps)
        else:
            mean, var = _checks.running(running_mean, running_var, channels, training, eps)
            grad_input, grad_weight, grad_bias = _passes.evaluate_backward(g, z, mean, var, gamma, eps)
            gamma = gamma + mean + var  # nan and inf may stand there
        _checks.fits("grad_weight", grad_weight, z, g, gamma)
        return grad_input.reshape(x.shape).astype(x.dtype, copy=False), grad_weight, grad_bias


def batch_statistics(input):
    """Return the mean and the *biased* variance of each channel, over samples and positions.

    Parameters
    ----------
    input : array, shape (N, C) or (N, C, *)
        The batch; one value per channel is enough (variance 0).

    Returns
    -------
    mean, var : ndarray, shape (C,), float64
        In the unit of the input, and its square.

    Raises
    ------
    TypeError, ValueError
        For an input of another dtype or shape, or an empty one.

    Warns
    -----
    RuntimeWarning
        Where the variance is too large for float64; it is inf then.

    Source: Ioffe & Szegedy (2015), algorithm 1; the shift before summing: Chan, Golub & LeVeque (1983).

    >>> batch_statistics(np.array([[1.0, 7.0], [2.0, 7.0], [4.0, 7.0], [5.0, 7.0]]))
    (array([3., 7.]), array([2.5, 0. ]))
    """
    x = _checks.batch("input", input, least=1)
    with np.errstate(all="ignore"):
        _, mean, var = _passes.train(_passes.three_axes(x, x.dtype), np.ones(x.shape[1]), np.ones(x.shape[1]), eps=1.0)
    _checks.fits("var", var, mean)
    return mean, var


def identity_parameters(mean, var, eps=1e-5):
    """Return the weight and the bias with which batch norm gives back its input.

    Parameters
    ----------
    mean, var : array, shape (C,)
        Mean and *biased* variance of the batch that is normalized.
    eps : float
        The ``eps`` of the layer, in the squared unit of the input.

    Returns
    -------
    weight, bias : ndarray, shape (C,), float64
        ``sqrt(var + eps)`` and ``mean``. Where var is 0 they are ``sqrt(eps)`` and the constant of that channel, which
        normalized is 0: the output is the constant, whatever the weight.

    Raises
    ------
    TypeError, ValueError
        For arrays of another dtype or shape, a negative variance, an eps that is not a finite number >= 0.

    Source: Ioffe & Szegedy (2015), section 3.

    >>> identity_parameters(np.array([5.0]), np.array([3.0]), eps=1.0)
    (array([2.]), array([5.]))
    """
    var = _checks.variance("var", _checks.real_array("var", var))
    if var.ndim != 1:
        raise ValueError(f"var must have shape (C,), got shape {var.shape}")
    bias = _checks.per_channel("mean", mean, len(var))
    return np.sqrt(var.astype(np.float64) + _checks.eps(eps, training=False)), bias
