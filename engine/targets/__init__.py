"""Selection, identity and facts of targets."""
