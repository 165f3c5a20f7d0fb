# shellcheck shell=sh
# What every guest does first. In dash or bash, with the rest of the tools from busybox.

umask 077
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:/busybox HOME=/root
# Last in PATH: iproute2 and iputils come before busybox's own.
/bin/busybox mkdir /busybox
/bin/busybox --install -s /busybox
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm /run/netns
mount -t tmpfs shm /dev/shm
echo 3 >/proc/sys/kernel/printk
while read -r module; do insmod "/modules/$module" 2>/dev/null || echo "guest: no module $module"; done </modules/order
ip link set lo up

uptime() { cut -d ' ' -f 1 /proc/uptime; }
