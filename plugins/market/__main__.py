"""`python -m plugins.market`: the command without the rest of the program."""

from plugins.market.command import market

if __name__ == "__main__":
    market(prog_name="openbell market")
