"""From `agent.toml` to settings, or to errors that name place, finding and remedy."""
