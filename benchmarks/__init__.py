"""How fast the parts are, each beside what pip installs."""
