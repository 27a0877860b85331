"""``ape run`` as it is typed, in this process: ape takes seconds to start."""

from click.testing import CliRunner


class Shell:
    """``ape run`` on one network."""

    def __init__(self, network: str):
        self.network = network

    def run(self, line: str) -> tuple[int, str]:
        """Exit code and everything that was said; whatever goes wrong is said in words."""
        from ape._cli import cli as ape

        words = ["run", *line.split(), "--network", self.network]
        result = CliRunner().invoke(ape, words, prog_name="ape")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output

    def ok(self, line: str) -> str:
        code, output = self.run(line)
        assert code == 0, output
        return output

    def refused(self, line: str) -> str:
        code, output = self.run(line)
        assert code == 1, output
        return output.splitlines()[-1]
