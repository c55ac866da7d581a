"""Float64 references in plain loops, which share no code with the package."""
