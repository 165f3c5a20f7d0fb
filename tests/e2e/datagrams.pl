#!/usr/bin/perl
# Numbered UDP datagrams whose bytes follow from their number.
#
#   datagrams.pl send ADDRESS PORT TRAINS DATAGRAMS SIZE [MS]  trains of that many, each train with one system call
#                                                            (UDP_SEGMENT) if it is of more than one, MS (2) apart
#   datagrams.pl options ADDRESS PORT TRAINS DATAGRAMS SIZE [MS]  the same behind a destination options header, over IPv6
#   datagrams.pl flow ADDRESS PORT COUNT PAUSE SIZE FIRST    one by one, so many microseconds apart, the first with that number
#   datagrams.pl receive PORT COUNT SECONDS                  until that many came, or no more for so long (for the first
#                                                            one at least 20 s); prints how many different ones came, how
#                                                            many were damaged, and how many came behind one with a higher
#                                                            number
use strict;
use warnings;
use Socket qw(:DEFAULT inet_pton pack_sockaddr_in6);

my ($SOL_UDP, $UDP_SEGMENT, $SO_RCVBUFFORCE, $IPPROTO_IPV6, $IPV6_DSTOPTS) = (17, 103, 33, 41, 59);    # linux/udp.h, socket.h, in6.h

srand 7;
my $bytes = join '', map { chr int rand 256 } 1 .. 70_000;
sub datagram { my ($number, $size) = @_; pack("N n", $number, $size) . substr($bytes, $number % 4096, $size - 6) }

if ($ARGV[0] eq 'receive') {
    my (undef, $port, $count, $seconds) = @ARGV;
    socket(my $s, AF_INET6, SOCK_DGRAM, 0) or die "socket: $!\n";
    setsockopt($s, SOL_SOCKET, $SO_RCVBUFFORCE, pack("i", 64 << 20)) or die "SO_RCVBUFFORCE: $!\n";
    bind($s, pack_sockaddr_in6($port, "\0" x 16)) or die "bind: $!\n";
    my ($damaged, $late, $highest, %seen) = (0, 0, 0);
    while (keys %seen < $count) {
        my $read = '';
        vec($read, fileno($s), 1) = 1;
        last unless select $read, undef, undef, %seen || $seconds > 20 ? $seconds : 20;
        recv($s, my $got, 65536, 0);
        my ($number, $size) = length $got >= 6 ? unpack("N n", $got) : (0, 6);
        if ($size == length $got and $got eq datagram($number, $size)) {
            $seen{$number} = 1;
            $late++ if $number < $highest;
            $highest = $number if $number > $highest;
        }
        else { $damaged++ }
    }
    print scalar(keys %seen), " $damaged $late\n";
    exit;
}

my ($kind, $address, $port, $trains, $datagrams, $size, $pause) = @ARGV;
my $is6 = $address =~ /:/;
socket(my $s, $is6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0) or die "socket: $!\n";
my $to = $is6 ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $address)) : pack_sockaddr_in($port, inet_aton($address));
setsockopt($s, $SOL_UDP, $UDP_SEGMENT, pack("i", $size)) or die "UDP_SEGMENT: $!\n" if $datagrams > 1 and $kind ne 'flow';
# Next header (the kernel's to fill in), length of 8 bytes, and six bytes of padding (PadN).
setsockopt($s, $IPPROTO_IPV6, $IPV6_DSTOPTS, pack("C C C C x4", 0, 0, 1, 4)) or die "IPV6_DSTOPTS: $!\n" if $kind eq 'options';
my $number = 0;
if ($kind eq 'flow') {
    my (undef, undef, undef, $count, $pause, undef, $first) = @ARGV;
    for $number ($first .. $first + $count - 1) {
        send($s, datagram($number, $size), 0, $to) or $!{ECONNREFUSED} or die "send: $!\n";
        select undef, undef, undef, $pause / 1e6;
    }
    exit;
}
for (1 .. $trains) {
    my $train = join '', map { datagram($number++, $size) } 1 .. $datagrams;
    send($s, $train, 0, $to) or $!{ECONNREFUSED} or die "send: $!\n";
    select undef, undef, undef, ($pause // 2) / 1000;
}
