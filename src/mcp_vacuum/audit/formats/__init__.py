"""How a report looks. Pure: from a report to text."""
