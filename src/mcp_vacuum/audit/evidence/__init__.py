"""All the I/O of the audit: one module a kind of evidence, each ending in frozen values for the rules."""
