"""Watches an exchange from its chain alone, and convicts its operator of every lie (section 7)."""
