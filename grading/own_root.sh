#!/bin/sh
# Run a command that sees FOLDER and the PATHs, read-only, a /tmp and a /dev/shm of SIZE bytes, and nothing else.
# own_root.sh SIZE FOLDER PATH... -- COMMAND...     in new namespaces for mounts and processes: `sandbox.unshare`
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
umask 022
size=$1 root=$2/tmp # an empty folder, over which the new root is mounted
shift
mount -t tmpfs -o size=1m,mode=755 root "$root"
mkdir -p "$root/old" "$root/tmp" "$root/proc" "$root/dev/shm"
for scratch in tmp dev/shm; do mount -t tmpfs -o "size=$size,mode=1777,nosuid,nodev" scratch "$root/$scratch"; done
while [ "$1" != -- ]; do
    if [ -d "$1" ]; then mkdir -p "$root$1"; else mkdir -p "$root$(dirname "$1")" && : >"$root$1"; fi
    mount --bind "$1" "$root$1" 2>/dev/null || mount --rbind "$1" "$root$1" # what others have mounted below stays so
    ro=remount,bind,ro,nosuid,nodev
    mount -o $ro "$root$1" 2>/dev/null || mount -o $ro,noatime "$root$1"
    shift
done
shift
for device in null zero random urandom; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t proc proc "$root/proc" 2>/dev/null || : # refused where parts of /proc are hidden; Python can do without
cd "$root"
pivot_root . old
umount -l /old
rmdir /old
mount -o remount,bind,ro /
cd /tmp
exec "$@"
