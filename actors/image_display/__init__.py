"""Image Display (AIR): results drawn over their images, with the engine's values verbatim (RAD-136)."""
