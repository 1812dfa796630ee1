"""Drivers perform effects: sockets, browsers and people. They know no OAuth."""
