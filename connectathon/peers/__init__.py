"""Foreign systems that scenarios and tests run against, each in a network namespace of its own."""
