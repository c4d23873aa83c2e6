"""Image Manager: a small DICOMweb and C-STORE archive, so that one command works anywhere (design decision D18)."""
