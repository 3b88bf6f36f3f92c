"""Trouble of the machine, which is not a fault of the program."""

from __future__ import annotations

import errno
import os

_WAYS_OUT = {
    errno.ENOSPC: "the disk is full: free some room",
    errno.EDQUOT: "the quota of the disk is used up: free some room",
    errno.EACCES: "the permission is missing",
    errno.EPERM: "the permission is missing",
    errno.EROFS: "the file system can only be read",
    errno.EMFILE: "too many files are open in this process: raise 'ulimit -n'",
    errno.ENFILE: "too many files are open on this machine",
    errno.ENOMEM: "there is not enough memory",
    errno.EIO: "the disk or the network it is on has failed",
    errno.ESTALE: "the network file system has lost the file: mount it anew",
    errno.EAGAIN: "no further process or thread can be started: raise 'ulimit -u'",
    errno.ENOENT: "a file or folder is gone, which was there when the command began",
}


def trouble(error: BaseException) -> str | None:
    """A sentence for an error that the machine has caused; None for any other.

    Parameters
    ----------
    error : BaseException
    """
    if isinstance(error, MemoryError):
        return f"there is not enough memory ({error})" if str(error) else "out of memory"
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return _WAYS_OUT[errno.EAGAIN]
    if not isinstance(error, OSError) or error.errno not in _WAYS_OUT:
        return None
    where = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
    return f"{where}{_WAYS_OUT[error.errno]}"
