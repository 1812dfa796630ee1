"""Small programs that use the library, and that go wrong where they are told to."""
