"""The credentials that machines share: read from their sources, watched, judged and written."""

from agent.runtime.credentials.service import CredentialService, Opened
from agent.runtime.credentials.stored import StoredCredential

__all__ = ["CredentialService", "Opened", "StoredCredential"]
