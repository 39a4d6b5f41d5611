"""The document in the shape of the draft "Health Check Response Format for HTTP APIs"."""

from __future__ import annotations

from agent.health.document import OUTCOMES, HealthDocument, Outcome

MEDIA_TYPE = "application/health+json"


def health_json(document: HealthDocument) -> tuple[int, dict[str, object]]:
    """Status code and body: 200 for pass and warn, 503 for fail."""
    checks = {
        f"{name}:state": [
            {
                "componentId": name,
                "componentType": "component",
                "observedValue": part.state,
                "status": _outcome(document, name),
                "time": part.observed_at.isoformat(),
                "output": part.message,
            }
        ]
        for name, part in document.machines.items()
    }
    body: dict[str, object] = {
        "status": document.status,
        "version": document.agent.version.partition(".")[0],
        "releaseId": document.agent.version,
        "serviceId": document.agent.name,
        "description": document.message,
        "notes": [f"code: {document.code}", f"valid until {document.valid_until.isoformat()}"],
        "checks": checks,
    }
    if document.status is not Outcome.PASS:
        body["output"] = document.message
    return (503 if document.status is Outcome.FAIL else 200), body


def _outcome(document: HealthDocument, machine: str) -> Outcome:
    """How one machine is: by the worst of the problems that point at it."""
    found = [problem.severity for problem in document.problems if problem.machine == machine]
    return OUTCOMES[max(found, key=lambda severity: severity.rank)] if found else Outcome.PASS
