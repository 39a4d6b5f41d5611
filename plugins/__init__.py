"""The built-in plugins; each comes in through the same door as a stranger's."""
