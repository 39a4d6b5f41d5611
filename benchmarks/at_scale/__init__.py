"""The parts of benchmarks/fleet.py: what a thousand agents ask of one database."""
