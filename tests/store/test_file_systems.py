"""The file systems of one host are recognised by name; on any other, one process opens a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from creme.store.file_systems import file_system, shared_between_hosts

MOUNTS = """\
22 1 253:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:44 / /home rw,relatime shared:1 - nfs4 server:/home rw
31 30 0:45 / /home/fast rw - xfs /dev/sdb rw
32 22 0:46 / /data/two\\040words rw - lustre 10.0.0.1@o2ib:/work rw,flock
33 22 0:47 / /scratch rw - ext4 /dev/sdc rw
34 22 0:48 / /scratch rw - beegfs beegfs_nodev rw
"""


@pytest.mark.parametrize(
    ("path", "kind", "shared"),
    [
        ("/home/me", "nfs4", True),
        ("/home/fast/me", "xfs", False),
        ("/homework", "ext4", False),
        ("/data/two words/store", "lustre", True),
        ("/data/two", "ext4", False),
        ("/scratch/store", "beegfs", True),  # the later mount covers the earlier one
    ],
)
def test_the_mount_of_a_path(path, kind, shared):
    assert file_system(Path(path), MOUNTS) == kind
    assert shared_between_hosts(Path(path), MOUNTS) == (kind if shared else "")


@pytest.mark.parametrize("kind", ["gpfs", "ceph", "panfs", "fuse.juicefs", "9p", "one_of_tomorrow"])
def test_what_is_not_local_by_name_may_have_several_hosts(kind):
    mounts = f"22 1 253:0 / / rw - {kind} somewhere rw\n"
    assert shared_between_hosts(Path("/store"), mounts) == kind


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "apfs", "tmpfs", "overlay"])
def test_local_by_name(kind):
    assert shared_between_hosts(Path("/store"), f"22 1 253:0 / / rw - {kind} disk rw\n") == ""


def test_a_system_that_does_not_say_and_lines_that_are_none():
    assert shared_between_hosts(Path("/store"), "") == ""
    assert file_system(Path("/store"), "rubbish\n22 1 - \n 1 2 3 4 / x - \n") == ""
