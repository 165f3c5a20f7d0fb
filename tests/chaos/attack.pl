#!/usr/bin/perl
# attack.pl KIND tcp|udp|vsock ADDRESS PORT KEY SECONDS RATE [NET]: senders who cannot authenticate, at a WireGuard port. RATE is what is
# sent a second, 0 for as much as will go.
#
#   initiations   right as far as anybody can see who has not the private key: their mac1 is that of KEY (64 hexadecimal digits), the
#                 rest is random. Over streams each comes on a connection of its own
#   garbage       over UDP datagrams of random bytes; over streams frames around messages that are not authentic, on 40 connections,
#                 and RATE counts their bytes
#   silence       connections on which nothing is said, of which the newest 400 are kept
#   hold          the same, of which RATE are held: what is closed is dialled again
#
# Each comes from another of 10,000 sources, NET.0.1 to NET.39.250 (NET is 10.128, if not given): over UDP they are made up, over TCP
# the addresses must be local here (ip route add local 10.128.0.0/16 dev lo). Over VSOCK there is one source.
# Prints how much was sent, at SIGTERM too.
use strict;
use warnings;
use Errno;
use Fcntl;
use POSIX ();
use Socket;
require(($0 =~ m{(.*)/})[0] . '/../e2e/frame.pl');

use constant { SOURCES => 10_000, MESSAGES => 256, KEPT => 400, AF_VSOCK => 40 };
my ($kind, $network, $address, $port, $key, $seconds, $rate, $net) = @ARGV;
$net //= '10.128';
local $SIG{PIPE} = 'IGNORE';
$SIG{TERM} = sub { $seconds = 0 };

# ---- BLAKE2s, RFC 7693 -------------------------------------------------------------------------------------------------

my @iv = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19);
my @sigma = map { [map hex, split //] } qw(0123456789abcdef ea489fd61c02b753 b8c052fdae367194 7931dcbe265a40f8 9057fe12ac48d3b6
    2c6a0b834d75fe19 c51fed4a0763928b db7ec13950f4862a 6fe9b308c2d714a5 a2847615fb9e3cd0);
# Section 3.1: which words of the state each of the eight mixings takes.
my @mixed = ([0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15], [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]);

sub turn { my ($word, $by) = @_; (($word >> $by) | ($word << (32 - $by))) & 0xFFFFFFFF }

sub compress {
    my ($h, $block, $count, $is_last) = @_;
    my @m = unpack 'V16', $block;
    my @v = (@$h, @iv);
    $v[12] ^= $count;
    $v[14] ^= 0xFFFFFFFF if $is_last;
    for my $order (@sigma) {
        for my $i (0 .. 7) {
            my ($a, $b, $c, $d) = @{ $mixed[$i] };
            $v[$a] = ($v[$a] + $v[$b] + $m[ $order->[2 * $i] ]) & 0xFFFFFFFF;
            $v[$d] = turn($v[$d] ^ $v[$a], 16);
            $v[$c] = ($v[$c] + $v[$d]) & 0xFFFFFFFF;
            $v[$b] = turn($v[$b] ^ $v[$c], 12);
            $v[$a] = ($v[$a] + $v[$b] + $m[ $order->[2 * $i + 1] ]) & 0xFFFFFFFF;
            $v[$d] = turn($v[$d] ^ $v[$a], 8);
            $v[$c] = ($v[$c] + $v[$d]) & 0xFFFFFFFF;
            $v[$b] = turn($v[$b] ^ $v[$c], 7);
        }
    }
    $h->[$_] ^= $v[$_] ^ $v[ $_ + 8 ] for 0 .. 7;
}

sub blake2s {
    my ($input, $length, $key) = @_;
    my @h = @iv;
    $h[0] ^= 0x01010000 ^ (length($key) << 8) ^ $length;
    $input = pack('a64', $key) . $input if length $key;
    my $at = 0;
    for (; $at + 64 < length $input ; $at += 64) { compress(\@h, substr($input, $at, 64), $at + 64, 0) }
    compress(\@h, pack('a64', substr $input, $at), length $input, 1);
    return substr pack('V8', @h), 0, $length;
}

my $known = '508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982';
die "BLAKE2s is wrong\n" unless unpack('H*', blake2s('abc', 32, '')) eq $known;    # RFC 7693, appendix B

# ---- the flood ---------------------------------------------------------------------------------------------------------

my $mac1_key = blake2s('mac1----' . pack('H64', $key), 32, '');
sub random_bytes { join '', map { chr int rand 256 } 1 .. shift }

# Section 5.4.2: type, sender, ephemeral, static, timestamp; then mac1, and a mac2 of zeros.
sub initiation { my $message = pack('V', 1) . random_bytes(112); return $message . blake2s($message, 16, $mac1_key) . "\0" x 16 }

my @messages =
      $kind eq 'initiations' ? map { initiation() } 1 .. MESSAGES
    : $network eq 'udp'      ? map { random_bytes(32 + int rand 1400) } 1 .. MESSAGES
    :                          map { pack('V', 4) . random_bytes(16_000) } 1 .. 8;
my @frames = map { frame($_) } @messages;

my $hz = POSIX::sysconf(POSIX::_SC_CLK_TCK());
sub now { (POSIX::times())[0] / $hz }
sub source { my $i = int rand SOURCES; "$net." . int($i / 250) . '.' . (1 + $i % 250) }

# An IP header and a UDP header of our own (IPPROTO_RAW); a UDP checksum of 0 is none.
my $raw;
sub spoof {
    my $message  = $messages[ rand @messages ];
    my $datagram = pack('n n n n', 1024 + int rand 60_000, $port, 8 + length $message, 0) . $message;
    my $packet   = pack('C C n n n C C n', 0x45, 0, 20 + length $datagram, 0, 0, 64, 17, 0) . inet_aton(source()) . inet_aton($address) . $datagram;
    return send $raw, $packet, 0, pack_sockaddr_in(0, inet_aton($address));
}

# linux/vm_sockets.h: struct sockaddr_vm. Only ever inside a guest.
sub there { $network eq 'vsock' ? pack('S S L L x4', AF_VSOCK, 0, $port, $address) : pack_sockaddr_in($port, inet_aton($address)) }

my @open;    # [socket, whether it has said its message]
my $kept = $kind eq 'hold' ? $rate : KEPT;
sub call {
    socket(my $socket, $network eq 'vsock' ? AF_VSOCK : AF_INET, SOCK_STREAM, 0) or return 0;
    bind($socket, pack_sockaddr_in(0, inet_aton(source()))) or die "bind: $!\n" if $network eq 'tcp';
    fcntl($socket, F_SETFL, O_NONBLOCK);
    connect($socket, there()) || $!{EINPROGRESS} or return 0;
    push @open, [$socket, 0];
    close((shift @open)->[0]) if @open > $kept;
    return 1;
}

# What is connected by now is sent its message.
sub speak {
    my $sent = 0;
    for my $connection (@open) {
        next if $connection->[1];
        my $n = syswrite $connection->[0], $frames[ rand @frames ];
        next if !defined $n && ($!{EAGAIN} || $!{ENOTCONN});
        $connection->[1] = 1;
        $sent++ if $n;
    }
    return $sent;
}

# What is left over of a frame is sent before the next one.
sub pour {
    my ($connection) = @_;
    $connection->[1] = $frames[ rand @frames ] unless length($connection->[1] || '');
    my $n = syswrite $connection->[0], $connection->[1];
    return 0 if !defined $n && ($!{EAGAIN} || $!{ENOTCONN});
    $connection->[2] = 1 unless $n;
    substr($connection->[1], 0, $n // 0) = '';
    return $n // 0;
}

sub drop_closed {
    @open = grep { my $n = sysread($_->[0], my $answer, 4096); defined $n ? $n : $!{EAGAIN} || $!{ENOTCONN} } @open;
}

if ($network eq 'vsock') {
    open(my $cmdline, '<', '/proc/cmdline') or die;
    die "AF_VSOCK is for guests only\n" unless <$cmdline> =~ /\bwireguard_vsock_guest\b/;
}
if ($network eq 'udp') { socket($raw, AF_INET, SOCK_RAW, 255) or die "socket: $!\n" }

my ($began, $tried, $sent) = (now(), 0, 0);
while ((my $passed = now() - $began) < $seconds) {
    if ($kind eq 'hold') {
        drop_closed();
        for (1 .. 50) { last if @open >= $rate; $sent += call() }
        select undef, undef, undef, 0.01;
        next;
    }
    my $due = $rate ? $passed * $rate - $tried : 64;
    if ($due < 1) { select undef, undef, undef, 0.005; next }
    if ($network ne 'udp' && $kind eq 'garbage') {
        call() while @open < 40;
        my $n = 0;
        $n += pour($_) for @open;
        @open = grep { !$_->[2] } @open;
        $tried += $n;
        $sent  += $n;
        select undef, undef, undef, 0.005 unless $n;
        next;
    }
    for (1 .. ($due < 64 ? $due : 64)) {
        $tried++;
        my $went = $network eq 'udp' ? spoof() : call();
        # Over a stream an initiation is sent when the connection is there.
        $sent++ if $went && ($kind ne 'initiations' || $network eq 'udp');
    }
    $sent += speak() if $kind eq 'initiations' && $network ne 'udp';
}
print "$sent\n";
