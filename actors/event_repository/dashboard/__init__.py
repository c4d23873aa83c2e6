"""The dashboard: what the operational log says of now, of efficiency, of outliers, of differences and of failures."""

from actors.event_repository.dashboard.routes import Desk, create_dashboard
from actors.event_repository.dashboard.serving import Live

__all__ = ["Desk", "Live", "create_dashboard"]
