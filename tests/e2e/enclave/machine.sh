# shellcheck shell=sh
# The host's enclave, CID 6, and the secure module behind its /dev/nsm. Sourced by checks.sh and demo.sh.

# Boots it, anew where an emulated start hangs. What it says is in /console.raw. It has a secure module if one is named.
start_enclave() { # NAME [MODULE]
  for try in 1 2 3; do
    launch_enclave "$@"
    if loads; then return 0; fi
    echo "the enclave did not come up, try $try"
    end_enclave
  done
  return 1
}

launch_enclave() { # NAME [MODULE]
  if [ -e /dev/kvm ]; then accelerator=kvm processor=host; else accelerator=tcg processor=max,la57=off; fi
  : >/console.raw
  # The module reads and writes the enclave's memory, which is shared with it.
  qemu-system-x86_64 -M pc,accel=$accelerator -cpu $processor -m 512 -nodefaults -no-user-config -display none -no-reboot \
    -L /usr/share/qemu -L /usr/share/seabios -kernel /vmlinux -initrd "/$1.cpio" \
    -append "console=ttyS0 quiet panic=-1 nokaslr mitigations=off random.trust_cpu=on no_timer_check tsc=reliable" \
    -serial file:/console.raw -device vhost-vsock-pci,guest-cid=6 \
    ${2:+-M memory-backend=memory -object memory-backend-memfd,id=memory,size=512M,share=on} \
    ${2:+-chardev "socket,id=module,path=/$2.sock" -device vhost-user-rng-pci,chardev=module} \
    </dev/null >/enclave.emulator 2>&1 &
  emulator=$!
  echo $emulator >/enclave.pid
}

# Its first program runs. On a busy machine an emulated one is slow: the time limit is that of the fact.
loads() {
  left=300
  until grep -q '^loader: ' /console.raw; do
    left=$((left - 1))
    [ $left -gt 0 ] && [ -d "/proc/$emulator" ] || return 1
    sleep 0.5
  done
}

# Its address may be taken again when this returns.
end_enclave() {
  emulator=$(cat /enclave.pid)
  kill -9 "$emulator" 2>/dev/null || :
  wait "$emulator" 2>/dev/null || :
  while [ -d "/proc/$emulator" ]; do sleep 0.1; done
}

# A secure module with a signer of its own: its root is in /NAME.pem.
start_module() { # NAME [INDEX=HEX]...
  name=$1
  shift
  nsm "/$name.sock" "/$name.pem" "$@" >"/$name.log" 2>&1 &
  while [ ! -S "/$name.sock" ]; do sleep 0.1; done
}

# Until a peer is known by its key, the kernel has nobody to send to.
answers() { # ADDRESS SECONDS
  deadline=$(($(cut -d . -f 1 /proc/uptime) + $2))
  until ping -q -c 1 -W 2 "$1" >/dev/null 2>&1; do
    [ "$(cut -d . -f 1 /proc/uptime)" -lt $deadline ] || return 1
    sleep 0.5
  done
}
