"""What the originals get wrong and the drop-ins get right: the same scenario for each."""
