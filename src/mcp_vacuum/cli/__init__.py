"""The command line: `fast` paths first, one file a verb, every word for people in `ui.py`."""
