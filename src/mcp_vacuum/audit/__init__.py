"""The auditor: evidence is collected first, rules are pure values over it, verdicts are honest."""
