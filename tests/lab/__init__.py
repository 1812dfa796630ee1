"""Tests of the lab, by witnesses that share no code with it."""
