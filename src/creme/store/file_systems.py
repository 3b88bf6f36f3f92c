"""The file system that an index lies on, and whether SQLite's processes share memory there."""

from __future__ import annotations

import re
from pathlib import Path

_DISKS = "ext2 ext3 ext4 xfs btrfs zfs bcachefs f2fs jfs nilfs2 reiserfs ufs apfs hfs hfsplus"
_MEMORY = "tmpfs ramfs rootfs overlay aufs"
_FOREIGN = "ntfs ntfs3 fuseblk vfat exfat msdos squashfs erofs iso9660 udf"

LOCAL = frozenset(f"{_DISKS} {_MEMORY} {_FOREIGN}".split())
"""File systems of one host, by their names in /proc/self/mountinfo.

SQLite's write-ahead log has memory that all processes share, so they must be on one host. On any
other file system (NFS, SMB, Lustre, GPFS, BeeGFS, CephFS, PanFS, FUSE ...) there may be several.
"""

_ESCAPED = re.compile(r"\\([0-7]{3})")


def file_system(path: Path, mountinfo: str | None = None) -> str:
    """Type of the file system that holds a path.

    Parameters
    ----------
    path : Path
        Absolute, without links.
    mountinfo : str, optional
        In the form of /proc/self/mountinfo, which is read unless given.

    Returns
    -------
    str
        Such as ``"ext4"``; empty where the system does not say, as on macOS and Windows.
    """
    if mountinfo is None:
        source = Path("/proc/self/mountinfo")
        mountinfo = source.read_text(encoding="utf-8", errors="replace") if source.exists() else ""
    best, kind = "", ""
    for line in mountinfo.splitlines():
        before, dash, after = line.partition(" - ")
        fields = before.split()
        if not dash or len(fields) < 5 or not after.split():
            continue
        mount = _ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), fields[4])
        inside = mount == "/" or str(path) == mount or str(path).startswith(mount + "/")
        # Of two at one place the later one covers the other.
        if inside and len(mount) >= len(best):
            best, kind = mount, after.split()[0]
    return kind


def shared_between_hosts(path: Path, mountinfo: str | None = None) -> str:
    """Type of the file system of a path if other hosts may use it as well; empty if it is local."""
    kind = file_system(path.resolve(), mountinfo)
    return "" if kind in LOCAL else kind
