"""What hosts send by themselves, as long as they are well."""
