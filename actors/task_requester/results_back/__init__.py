"""Results go back to those who ordered: ORU^R01, a raised reading priority, and alerts that a person acknowledges."""
