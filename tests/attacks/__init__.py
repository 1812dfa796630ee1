"""What servers, networks and other users can do to us, done: `make attacks`, docs/attacks.md."""
