#!/usr/bin/env bash
# A virtual machine for the tests: Debian with systemd, as a kernel, an initramfs and two disks in a cache.
#   test_machine.sh build    makes it, when it is missing or of another version of this script (as root, on Debian)
#   test_machine.sh where    prints its folder; exit code 1 and the command that makes it, when it is missing
# QEMU interprets it (never KVM, which is not on every machine, and broken on some). tests/integration/vm.py
# starts it; the key of the tests comes in by the kernel's command line.
set -euo pipefail

cache=${BREAKFIX_TEST_MACHINE:-/var/cache/breakfix-test-machine}
version=$(sha256sum "${BASH_SOURCE[0]}" | cut -c 1-16)
made=$cache/$version
# What the machine has besides the essential packages; nothing here needs a compiler or an interpreter.
inside=systemd-sysv,libpam-systemd,dbus,udev,kmod,openssh-server,sudo,iproute2,iptables,procps,stress-ng
inside+=,systemd-timesyncd,busybox-static,ca-certificates
# What the initramfs needs to get to the disk and the network, with what these depend on.
drivers=(virtio_pci virtio_blk virtio_net virtio_rng ext4)

missing() {
    local tool
    for tool in qemu-system-x86_64:qemu-system-x86 mmdebstrap:mmdebstrap mke2fs:e2fsprogs cpio:cpio \
        busybox:busybox-static ssh-keygen:openssh-client; do
        command -v "${tool%:*}" >/dev/null || echo "${tool#*:}"
    done
}

install() {
    local wanted
    mapfile -t wanted < <(missing)
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    apt-get update -qq
    [ ${#wanted[@]} -eq 0 ] && return
    echo "Installing ${wanted[*]}"
    apt-get install -y -qq --no-install-recommends "${wanted[@]}"
}

# The archive of this machine's own apt: `deb URI SUITE main`, a line each for the release and its updates.
sources() {
    local release
    release=$(. /etc/os-release && echo "$VERSION_CODENAME")
    apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(COMPONENT) deb $(REPO_URI) $(RELEASE) main' \
        'Created-By: Packages' \
        | sed -nE "s/^Debian $release(-updates|-security)? main //p" | sort -u
}

root_files() {
    local root=$1 lines proxies
    mapfile -t lines < <(sources)
    mapfile -t proxies < <(apt-config dump | grep -E '^Acquire::https?::Proxy')
    [ ${#lines[@]} -gt 0 ] || { echo "apt knows of no archive of Debian" >&2; return 1; }
    mmdebstrap --quiet --variant=essential --include="$inside" "${proxies[@]/#/--aptopt=}" \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root" "${lines[@]}"
}

# The kernel, unpacked only: its own installation would want to make an initramfs of another kind.
kernel() {
    local folder=$1 package
    package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: //p' | head -n 1)
    (cd "$folder" && apt-get download -qq -o APT::Sandbox::User=root "$package")
    dpkg -x "$folder"/linux-image-*.deb "$folder/kernel"
    mv "$folder"/kernel/boot/vmlinuz-* "$folder/vmlinuz"
    # Graphics and the like would only make the disk larger.
    rm -rf "$folder"/kernel/lib/modules/*/kernel/{sound,drivers/{gpu,media,infiniband}}
    cp -a "$folder/kernel/lib/modules" "$folder/root/usr/lib/"
    chroot "$folder/root" depmod "$(release_of "$folder")"
}

release_of() {
    basename "$1"/root/usr/lib/modules/*
}

initramfs() {
    local folder=$1 tree=$1/early driver file
    mkdir -p "$tree"/{bin,proc,sys,dev,root,modules}
    cp "$(command -v busybox)" "$tree/bin/busybox"
    for driver in "${drivers[@]}"; do
        chroot "$folder/root" modprobe --show-depends -S "$(release_of "$folder")" "$driver"
    done | awk '$1 == "insmod" && !seen[$2]++ {print $2}' >"$folder/order"
    while read -r file; do
        cp "$folder/root$file" "$tree/modules/"
        basename "$file"
    done <"$folder/order" >"$tree/modules/order"
    cat >"$tree/init" <<'INIT'
#!/bin/busybox sh
# Loads the drivers, sets the network up (QEMU's user networks: eth0 is the one that tests cut), lets the key
# of the tests in, and goes on.
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
while read -r file; do $b insmod "/modules/$file"; done </modules/order
$b ip link set lo up
for number in 0 1; do
    $b ip link set eth$number up
    $b ip address add 10.0.$((number + 2)).15/24 dev eth$number
done
$b ip route add default via 10.0.2.2
until [ -b /dev/vda ]; do $b sleep 0.1; done
$b mount -t ext4 /dev/vda /root
for word in $($b cat /proc/cmdline); do
    case $word in breakfix.key=*) key=${word#breakfix.key=} ;; esac
done
echo "ssh-ed25519 $key" >/root/etc/ssh/breakfix_keys
$b umount /dev /sys /proc
exec $b switch_root /root /sbin/init
INIT
    chmod +x "$tree/init"
    (cd "$tree" && find . | cpio --quiet -o -H newc | gzip -1) >"$folder/initramfs"
}

# What makes it a host of the tests: names, users, keys, the service, no work at boot that nobody needs.
settings() {
    local root=$1 unit
    echo shop-host >"$root/etc/hostname"
    echo "127.0.0.1 localhost shop-host" >"$root/etc/hosts"
    tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
    printf '%s\n' '/dev/vda / ext4 defaults 0 0' '/dev/vdb /data ext4 defaults 0 0' >"$root/etc/fstab"
    mkdir -p "$root/data" "$root/srv/shop"
    chroot "$root" useradd --create-home --shell /bin/bash --password '*' ops
    echo 'ops ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/ops"
    chmod 0440 "$root/etc/sudoers.d/ops"
    rm -f "$root"/etc/ssh/ssh_host_*
    ssh-keygen -q -t ed25519 -N '' -C '' -f "$root/etc/ssh/ssh_host_ed25519_key"
    printf '%s\n' 'AuthorizedKeysFile /etc/ssh/breakfix_keys' 'PasswordAuthentication no' 'UseDNS no' \
        'HostKey /etc/ssh/ssh_host_ed25519_key' >"$root/etc/ssh/sshd_config.d/tests.conf"
    mkdir -p "$root/etc/systemd/timesyncd.conf.d"
    # It keeps asking, and nobody answers: no clock but the machine's own.
    printf '%s\n' '[Time]' 'NTP=10.0.2.2' 'FallbackNTP=' >"$root/etc/systemd/timesyncd.conf.d/tests.conf"
    cp "$root/bin/busybox" "$root/usr/local/bin/shopd"
    echo open >"$root/srv/shop/index.html"
    cat >"$root/etc/systemd/system/shop.service" <<'UNIT'
[Unit]
Description=A shop that answers on port 8080

[Service]
ExecStart=@/usr/local/bin/shopd busybox httpd -f -p 8080 -h /srv/shop
User=www-data

[Install]
WantedBy=multi-user.target
UNIT
    chroot "$root" systemctl --quiet enable shop.service
    for unit in getty@tty1.service serial-getty@ttyS0.service systemd-firstboot.service \
        dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
        systemd-pstore.service systemd-networkd.service; do
        ln -sf /dev/null "$root/etc/systemd/system/$unit"
    done
}

disks() {
    local folder=$1
    # Sparse files: what is not written takes no room.
    mke2fs -q -t ext4 -d "$folder/root" -L root "$folder/root.img" 3G
    # So few inodes that a test can use them up.
    mke2fs -q -t ext4 -m 0 -N 2048 -L data "$folder/data.img" 256M
    cp "$folder/root/etc/ssh/ssh_host_ed25519_key.pub" "$folder/host_key.pub"
}

timed() {
    local begin=$SECONDS
    "$@"
    echo "$1: $((SECONDS - begin)) s"
}

make_machine() {
    local folder=$1
    timed install
    timed root_files "$folder/root"
    timed kernel "$folder"
    timed initramfs "$folder"
    timed settings "$folder/root"
    timed disks "$folder"
    rm -rf "$folder"/{root,kernel,early,order} "$folder"/*.deb
}

refuse() {
    echo "The tests on a virtual machine need one: run tools/test_machine.sh build as root on Debian (amd64)." >&2
    exit 1
}

build() {
    [ -d "$made" ] && [ -z "$(missing)" ] && { echo "The virtual machine is there: $made"; return; }
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || [ "$(uname -m)" != x86_64 ]; then
        refuse
    fi
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9 # of two builds at once, the second finds what the first has made
    [ ! -d "$made" ] || { install; return; }
    local begin=$SECONDS
    folder=$(mktemp -d "$cache/making.XXXXXX")
    trap 'rm -rf "$folder"' EXIT
    # In a process of its own, since a function whose failure is looked at goes on after its own failures.
    "${BASH_SOURCE[0]}" into "$folder" >"$cache/build.log" 2>&1 </dev/null \
        || { tail -n 30 "$cache/build.log" >&2; exit 1; }
    # What other versions of this script have made goes after a day, half-made ones too.
    find "$cache" -mindepth 1 -maxdepth 1 -type d -mmin +1440 -exec rm -rf {} +
    chmod 755 "$folder"
    mv "$folder" "$made"
    echo "Made the virtual machine in $((SECONDS - begin)) s: $made ($(du -sh "$made" | cut -f 1))"
}

case ${1:-} in
    build) build ;;
    into) make_machine "$2" ;;
    where) [ -d "$made" ] && [ -z "$(missing)" ] || refuse; echo "$made" ;;
    *) sed -n '2,6s/^# //p' "$0"; exit 2 ;;
esac
