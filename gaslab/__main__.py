"""``python -m gaslab``."""

from gaslab.cli import main

if __name__ == "__main__":
    main(prog_name="python -m gaslab")
