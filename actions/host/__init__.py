"""What is done to, and seen of, hosts as a whole."""
