"""The kernels for a CUDA card: what the compilers say of them, and how fast they are on one."""
