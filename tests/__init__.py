"""Tests; README.md says which rung is run when."""
