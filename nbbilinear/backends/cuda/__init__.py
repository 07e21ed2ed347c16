"""CUDA kernels written in Numba, for arrays of CuPy."""
