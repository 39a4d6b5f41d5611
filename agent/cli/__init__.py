"""The `openbell` program, one module a family of commands."""
