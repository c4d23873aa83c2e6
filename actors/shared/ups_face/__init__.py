"""The UPS-RS face: PS3.18 chapter 11 over FastAPI, for whoever serves a worklist."""

from actors.shared.ups_face.routes import ups_router

__all__ = ["ups_router"]
