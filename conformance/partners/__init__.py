"""The other side: every role that a lone system needs opposite it, on libraries only, recording what goes by."""
