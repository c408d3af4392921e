#!/bin/sh
# The first process of user-mode Linux. Its root is that of the host, mounted read-only;
# only the folder NETEM_DIR can be written to.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
mount -t proc none /proc
trap 'echo o >/proc/sysrq-trigger; sleep 60' EXIT # it must not end before the kernel does
set -eu
mount -t hostfs -o "$NETEM_DIR" none "$NETEM_DIR"
insmod "/usr/lib/uml/modules/$(uname -r)/kernel/net/sched/sch_netem.ko"
sh "$NETEM_DIR/run.sh" "$NETEM_DIR"
