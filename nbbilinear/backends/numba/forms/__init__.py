"""Forms whose whole product is one compiled kernel, on rows that lie as they should.

A file has the name of its form, and ``takes(rows, shapes, dtype)``: whether it is fast, or there at all, for parameters
of these shapes. ``forward(x1, x2, *parameters, out)`` fills ``out``; all are C-contiguous and of one float dtype.
Where it has a ``backward(grad_output, x1, x2, *parameters, dx1, dx2, *gradients)``, that fills all gradients.
"""
