"""What several commands share: groups, options."""
