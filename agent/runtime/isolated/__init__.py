"""A machine in a process of its own: what hangs or crashes in it takes nothing else along."""
