#!/bin/bash
# Runs a statically linked test binary on an emulated CPU with AVX-512, for `make test-avx512`: `KERNEL=… bochs.sh BINARY [ARGUMENT]…`.
#
# Neither QEMU nor Valgrind emulates AVX-512; Bochs does, but only whole computers. So this makes a bootable disc of a
# kernel of this machine and of a memory disc that holds the binary and BusyBox, and reads what the serial port says.
# Booting takes half a minute, and a multiply-add of sixteen lanes about a microsecond, so choose few tests.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/root/{proc,bin} "$work/disc"

cp "$(command -v busybox)" "$work/root/bin/busybox"
strip -o "$work/root/bin/test" "$1"
shift
{
    echo '#!/bin/busybox sh'
    echo '/bin/busybox mount -t proc proc /proc'
    env | grep '^RUSTLSTM_\|^RUST_BACKTRACE=' | sed "s/=\(.*\)/='\1'/; s/^/export /" || true
    printf '/bin/test'
    printf ' %q' "$@"
    printf ' 2>&1\n'
    # The pause lets the serial port send what it was given.
    echo 'echo "exit status $?"; /bin/busybox sleep 1; /bin/busybox poweroff -f'
} > "$work/root/init"
chmod +x "$work/root/init"
(cd "$work/root" && find . | cpio -o -H newc --quiet) > "$work/disc/initrd"

cp "$KERNEL" "$work/disc/linux"
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$work/disc"
# Bochs 2.7 gives the size of the XSAVE area in compact form wrongly, and Linux then goes without AVX; clearing the two
# instructions that use that form, XSAVEC (321) and XSAVES (323), keeps it.
cat > "$work/disc/isolinux.cfg" <<'EOF'
DEFAULT linux
LABEL linux
KERNEL linux
INITRD initrd
APPEND console=ttyS0 loglevel=3 panic=-1 nosmp mitigations=off nokaslr nowatchdog random.trust_cpu=on clearcpuid=321,323
EOF
xorriso -as mkisofs -quiet -o "$work/boot.iso" -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 \
    -boot-info-table "$work/disc" 2> /dev/null

cat > "$work/bochsrc" <<EOF
cpu: model=corei7_skylake_x, ips=100000000, reset_on_triple_fault=0
clock: sync=none
memory: guest=1024, host=1024
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=$work/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$work/serial
display_library: term
panic: action=fatal
log: $work/log
EOF
# Debian's Bochs begins in its debugger, which is told to continue, and its screen wants a terminal, which `script` is.
echo continue > "$work/commands"
touch "$work/serial"
script -qefc "bochs -q -f $work/bochsrc -rc $work/commands" /dev/null < /dev/null > "$work/screen" 2>&1 &
trap 'kill $! 2>/dev/null || true; rm -rf "$work"' EXIT
tail -f --pid=$! "$work/serial"
wait $! || true
grep -q '^exit status 0' "$work/serial"
