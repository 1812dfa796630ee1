"""A TokenSource as the authentication of other people's HTTP clients: one file a library."""
