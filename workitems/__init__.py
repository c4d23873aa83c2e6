"""The worklist domain: workitems, their states, claims, search, events, and the store that keeps them."""
