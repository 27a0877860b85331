"""Published batches on disk: one folder each, written whole or not at all.

The committer commits what lies here, watchers and traders read it, and a node that restarts
compares what it makes again with what it once published.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Final

from matcher.batch import Batch
from matcher.disk import sync_directory, write_synced
from matcher.errors import ProtocolError

HEADER: Final = "header.bin"  # 192 bytes
WORDS: Final = "words.bin"  # 32 bytes per word, as in calldata
ORDERS: Final = "orders.json"  # the order file
_PREFIX: Final = ".new-"


class Archive:
    """Batches by id.

    Parameters
    ----------
    directory : Path
        Made if it is not there. Folders of writes that were interrupted are removed by the next
        `write`, never by a reader.
    """

    def __init__(self, directory: Path):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)

    def write(self, batch: Batch) -> bool:
        """Publish a batch; when this returns it survives a power cut.

        Returns
        -------
        bool
            False if the same batch was there already.

        Raises
        ------
        ProtocolError
            If another batch was published under this id, or the batch contradicts its header.
        """
        batch.check()
        target = self._folder(batch.id)
        if target.exists():
            self._compare(batch)
            return False
        self._clean()
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self.directory))
        for name, content in (
            (HEADER, batch.header),
            (WORDS, batch.words),
            (ORDERS, batch.order_file),
        ):
            write_synced(folder / name, content)
        folder.chmod(0o755)
        sync_directory(folder)
        folder.rename(target)
        sync_directory(self.directory)
        return True

    def replace(self, batch: Batch) -> None:
        """Publish a batch in place of another of the same words, as redating makes it.

        Only the header differs. The folder is never without one: the file is renamed over.
        """
        batch.check()
        published = self.read(batch.id)
        if published.words != batch.words or published.order_file != batch.order_file:
            raise ProtocolError(f"batch {batch.id}: only the header of a batch may be replaced")
        folder = self._folder(batch.id)
        temporary = folder / (HEADER + ".new")
        write_synced(temporary, batch.header)
        temporary.replace(folder / HEADER)
        sync_directory(folder)

    def read(self, batch_id: int) -> Batch:
        """A published batch.

        Raises
        ------
        KeyError
            If none has this id.
        ProtocolError
            If what lies there contradicts its own header.
        """
        folder = self._folder(batch_id)
        try:
            batch = Batch(
                (folder / HEADER).read_bytes(),
                (folder / WORDS).read_bytes(),
                (folder / ORDERS).read_bytes(),
            )
        except FileNotFoundError:
            raise KeyError(f"batch {batch_id} is not in {self.directory}") from None
        batch.check()
        if batch.id != batch_id:
            raise ProtocolError(f"{folder}: holds batch {batch.id}")
        return batch

    def ids(self) -> list[int]:
        """Ids of all published batches, ascending."""
        return sorted(int(path.name) for path in self.directory.iterdir() if path.name.isdigit())

    def latest(self) -> int | None:
        """The highest id; None if nothing was published."""
        ids = self.ids()
        return ids[-1] if ids else None

    def __contains__(self, batch_id: int) -> bool:
        return self._folder(batch_id).exists()

    def _folder(self, batch_id: int) -> Path:
        return self.directory / f"{batch_id:08d}"

    def _compare(self, batch: Batch) -> None:
        published = self.read(batch.id)
        for name in ("words", "order_file", "header"):
            if getattr(published, name) != getattr(batch, name):
                raise ProtocolError(
                    f"batch {batch.id}: {self.directory} holds another one, with hash"
                    f" 0x{published.hash.hex()} and not 0x{batch.hash.hex()}; its {name} differs"
                )

    def _clean(self) -> None:
        for path in self.directory.glob(_PREFIX + "*"):
            shutil.rmtree(path)
