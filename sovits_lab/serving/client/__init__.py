"""A typed client of the service, without any of its parts."""

from sovits_lab.serving.client.asynchronous import AsyncVoiceClient
from sovits_lab.serving.client.plain import VoiceClient
from sovits_lab.serving.client.replies import ServiceError, SpokenFile

__all__ = ["AsyncVoiceClient", "ServiceError", "SpokenFile", "VoiceClient"]
