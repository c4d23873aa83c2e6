"""Engines that come with Stepwell."""
