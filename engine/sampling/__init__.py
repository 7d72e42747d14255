"""How probes look: what they see of the engine, and one sample of one probe."""
