"""CuPy on a CUDA device: matrix products by cuBLAS, and the definition by its einsum."""
