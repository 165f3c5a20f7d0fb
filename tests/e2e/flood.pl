#!/usr/bin/perl
# flood.pl KIND SECONDS tcp|udp|vsock ADDRESS PORT [SOURCE...]: an unauthenticated sender at a WireGuard port, for some seconds.
#
#   garbage   random bytes, as fast as they are taken; a new connection for each that is closed
#   frames    well-formed stream frames (length, CRC-32) around messages that are not authentic
#   silence   connects and says nothing
#   drip      a byte a second
#   once      connects 40 times, says nothing, and does not come back
#
# Prints how many connections it made (datagrams sent, for udp). From each SOURCE address 20 connections are kept open.
use strict;
use warnings;
use Socket;
use Fcntl;
use Errno;
require(($0 =~ m{(.*)/})[0] . '/frame.pl');

my ($kind, $seconds, $network, $address, $port, @sources) = @ARGV;
my $end  = time + $seconds;
my $made = 0;
$SIG{PIPE} = 'IGNORE';

# linux/vm_sockets.h: struct sockaddr_vm. Only ever inside a guest.
my $AF_VSOCK = 40;
my $family   = $network eq 'vsock' ? $AF_VSOCK : AF_INET;
my $there    = $network eq 'vsock' ? pack("S S L L x4", $AF_VSOCK, 0, $port, $address) : pack_sockaddr_in($port, inet_aton($address));
if ($network eq 'vsock') {
    open(my $cmdline, '<', '/proc/cmdline') or die;
    die "AF_VSOCK is for guests only\n" unless <$cmdline> =~ /\bwireguard_vsock_guest\b/;
}

# perl-base has no Time::HiRes.
sub pause { select undef, undef, undef, shift }

sub random_bytes { join '', map { chr int rand 256 } 1 .. shift }

# Initiations and responses with a random mac1, data for a random receiver, a cookie reply.
my @messages = (pack("V", 1) . random_bytes(144), pack("V", 2) . random_bytes(88), pack("V", 3) . random_bytes(60), pack("V", 4) . random_bytes(1452));
my @payloads = $kind eq 'frames' ? map { frame($_) } @messages : (map({ random_bytes($_) } 1, 6, 148, 1400), "\0" x 64, "\xff" x 64, @messages);

sub dial {
    my $source = shift;
    socket(my $s, $family, SOCK_STREAM, 0) or die "socket: $!\n";
    bind($s, pack_sockaddr_in(0, inet_aton($source))) if defined $source;
    fcntl($s, F_SETFL, O_NONBLOCK);
    connect($s, $there) || $!{EINPROGRESS} or return;
    $made++;
    return $s;
}

if ($network eq 'udp') {
    socket(my $s, AF_INET, SOCK_DGRAM, 0) or die "socket: $!\n";
    while (time < $end) {
        for (1 .. 50) { send($s, $payloads[rand @payloads], 0, $there) and $made++ }
        pause(0.005);    # 10,000 a second: a flood, yet not a contest for the processor
    }
    print "$made\n";
    exit;
}

@sources = (undef) unless @sources;
my @open;               # [socket, source]
for my $source (@sources) { push @open, [dial($source), $source] for 1 .. ($kind eq 'once' ? 40 : 20) }

while (time < $end) {
    pause($kind eq 'drip' ? 1 : 0.05);
    for my $c (@open) {
        my $s = $c->[0];
        my $alive = defined $s;
        if ($alive) {
            # A reset or an end of file: the daemon has had enough.
            my $n = sysread($s, my $answer, 4096);
            $alive = 0 if defined $n ? $n == 0 : !($!{EAGAIN} || $!{ENOTCONN});
            die "the daemon answered an unauthenticated sender with $n bytes\n" if $n;
        }
        if ($alive && $kind ne 'silence' && $kind ne 'once') {
            my $payload = $kind eq 'drip' ? "\x94" : $payloads[rand @payloads];
            $alive = 0 unless defined syswrite($s, $payload) || $!{EAGAIN} || $!{ENOTCONN};
        }
        next if $alive || $kind eq 'once';
        close $s if $s;
        $c->[0] = dial($c->[1]);
    }
}
print "$made\n";
