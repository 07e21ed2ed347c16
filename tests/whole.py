"""Import the package as users do, before pytest imports a module of it alone for its doctests.

Else that module is there twice, and one that has the name of a function, as ``config``, takes its place.
"""

import nbbilinear

__all__ = ["nbbilinear"]
