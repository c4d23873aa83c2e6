"""``stepwell demo``: the whole department on this machine, with real images and a real network."""
