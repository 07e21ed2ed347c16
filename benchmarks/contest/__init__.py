"""Who is faster, by how much, and how sure that is: the parts of ``peers.py``."""
