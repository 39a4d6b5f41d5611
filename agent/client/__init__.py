"""What a trading process imports: its ticker reports to the agent, and the agent says whether to trade.

    from agent.client import FeedReporter, Gate

    FeedReporter("http://127.0.0.1:8000", "my-feed", token).attach(kws)
    gate = Gate("http://127.0.0.1:8000")
    if gate.tradable(): ...

Standard library only, and nothing else of ours: it runs in other people's processes.
"""

from agent.client.gate import Gate
from agent.client.reporter import FeedReporter

__all__ = ["FeedReporter", "Gate"]
