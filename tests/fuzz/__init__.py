"""Properties of everything that reads what others wrote; `make fuzz` runs them long."""
