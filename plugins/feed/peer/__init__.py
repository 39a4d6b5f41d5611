"""Another openbell as a machine: whoever watches the desk from elsewhere hears of its agent's silence."""
