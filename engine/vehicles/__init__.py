"""How ops reach a target: execute ops, nothing else."""
