"""Pure checks: what may be opened, where a request may go, how much may come back, what may be shown."""
