"""What people are told, in an operator's own words: templates, rendered where they can hurt nobody."""
