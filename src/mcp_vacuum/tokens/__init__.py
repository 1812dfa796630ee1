"""The life of a token: when it is good enough, who refreshes it, where it may go."""
