"""The operational log of a hospital that is not: the same for a seed, as long as one likes, in little memory."""

from connectathon.operational_log.hospital import Hospital
from connectathon.operational_log.log import operational_log
from connectathon.operational_log.messages import messages_of

__all__ = ["Hospital", "messages_of", "operational_log"]
