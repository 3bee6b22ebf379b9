"""The one door for people: what may be read of an agent and asked of it, the same from a shell and over HTTP."""
