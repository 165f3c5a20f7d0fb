#!/usr/bin/perl
# vmm.pl PATH GUEST HOST-PORT...: the Unix socket by which Firecracker and Cloud Hypervisor show a guest's VSOCK to their host, as
# docs/vsock.md of Firecracker says. The guest is CID 6 for real (vsock:6), or a machine that listens on TCP ports of those numbers
# (tcp:ADDRESS), to which OWN:PORT are ports of the host's CID (tcp:ADDRESS=OWN). For vsock each HOST-PORT is one of this machine.
#
#   host to guest   it connects to PATH and writes "CONNECT PORT\n"; the answer is "OK NUMBER\n", or the connection is closed
#   guest to host   what it connects to HOST-PORT comes to PATH_PORT; if nobody listens there, the connection is reset
#
# SIGUSR1 resets all connections, as a snapshot does. Each connection has a process of its own.
use strict;
use warnings;
use Socket;

my ($path, $guest, @ports) = @ARGV;
my ($kind, $far, $own) = $guest =~ /^(tcp|vsock):([\d.]+)(?:=([\d.]+))?$/ or die "no guest '$guest'\n";
my $vsock = 40;
if ($kind eq 'vsock') {
    open(my $cmdline, '<', '/proc/cmdline') or die;
    die "AF_VSOCK is for guests only\n" unless <$cmdline> =~ /\bwireguard_vsock_guest\b/;
}
setpgrp(0, 0);
$SIG{$_}   = 'IGNORE' for 'PIPE', 'CHLD';
$SIG{USR1} = sub { end_connections() };
$SIG{TERM} = sub { end_connections(); unlink $path; exit };

# They are the other processes of this one's group.
sub end_connections { local $SIG{HUP} = 'IGNORE'; kill 'HUP', -getpgrp }

sub far_socket { socket(my $s, $kind eq 'vsock' ? $vsock : AF_INET, SOCK_STREAM, 0) or die "socket: $!\n"; $s }

sub far_address {
    my ($host, $port) = @_;
    return pack('S S L L x4', $vsock, 0, $port, $host) if $kind eq 'vsock';
    return pack_sockaddr_in($port, inet_aton($host));
}

# Both ways until one ends; then both are closed, a TCP connection with a reset.
sub carry {
    my ($near, $far) = @_;
    setsockopt($far, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)) if $kind eq 'tcp';
    my %other = (fileno $near, $far, fileno $far, $near);
    while (1) {
        my $read = '';
        vec($read, fileno $_, 1) = 1 for $near, $far;
        select($read, undef, undef, undef) or next;
        for my $in ($near, $far) {
            next unless vec($read, fileno $in, 1);
            my $n = sysread($in, my $bytes, 65536) or return;
            for (my $sent = 0; $sent < $n;) {
                $sent += syswrite($other{fileno $in}, $bytes, $n - $sent, $sent) // return;
            }
        }
    }
}

# From the host: it is at most 32 bytes, and nothing follows it before the answer.
sub from_host {
    my ($near) = @_;
    my $line = '';
    while (length $line < 32 and $line !~ /\n/) { sysread($near, $line, 1, length $line) or return }
    my ($port) = $line =~ /^CONNECT (\d+)\n/i or return;
    my $to = far_socket();
    connect($to, far_address($far, $port)) or return;
    syswrite $near, sprintf "OK %d\n", 1 << 30 | $$;
    carry($near, $to);
}

sub from_guest {
    my ($in, $port) = @_;
    setsockopt($in, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)) if $kind eq 'tcp';
    socket(my $near, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!\n";
    connect($near, pack_sockaddr_un("${path}_$port")) or return;
    carry($near, $in);
}

my %listeners;
socket(my $unix, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!\n";
# As Firecracker, which does not start where a file is.
bind($unix, pack_sockaddr_un($path)) or die "$path: $!\n";
listen($unix, 128) or die "listen: $!\n";
$listeners{fileno $unix} = [$unix];
for my $port (@ports) {
    my $s = far_socket();
    setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
    bind($s, far_address($kind eq 'vsock' ? 0xffffffff : $own, $port)) or die "port $port: $!\n";
    listen($s, 128) or die "listen: $!\n";
    $listeners{fileno $s} = [$s, $port];
}

while (1) {
    my $read = '';
    vec($read, $_, 1) = 1 for keys %listeners;
    select($read, undef, undef, undef) > 0 or next;
    for my $listener (grep { vec($read, $_, 1) } keys %listeners) {
        my ($socket, $port) = @{$listeners{$listener}};
        accept(my $in, $socket) or next;
        if (!(fork // die "fork: $!\n")) {
            @SIG{'USR1', 'TERM', 'HUP'} = ('DEFAULT') x 3;
            close $_->[0] for values %listeners;
            defined $port ? from_guest($in, $port) : from_host($in);
            exit;
        }
    }
}
