"""The simulated hospital: order placer, modality, sample data, scenarios."""
