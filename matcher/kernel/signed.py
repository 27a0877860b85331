"""What `matcher.kernel.digests` is given: a signed message as its struct hash is made.

Request, 360 bytes::

     0           32                              288     289     295
    | type hash | up to eight words, big-endian | words | zeros | r | s | v |

    words    of 32 bytes that are hashed, the type hash included
    r, s, v  the signature, 65 bytes: the record ends with it
"""

from typing import Final

PREIMAGE_BYTES: Final = 288
WORDS_AT: Final = 288
SIGNATURE_AT: Final = 295
SIGNATURE_BYTES: Final = 65
REQUEST_BYTES: Final = 360
PREFIX_BYTES: Final = 34  # 0x1901 and the domain's separator
