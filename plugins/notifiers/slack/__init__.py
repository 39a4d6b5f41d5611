"""Tells a Slack channel."""
