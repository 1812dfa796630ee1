"""One file a verb. Each defines `command`; `main.COMMANDS` lists them."""
