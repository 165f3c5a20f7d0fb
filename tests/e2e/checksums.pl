#!/usr/bin/perl
# checksums.pl tcp|udp SOURCE DESTINATION COUNT WRONG: that many segments of one flow, or datagrams, one right behind the other,
# 1,000 bytes each; every WRONGth has a wrong checksum.
use strict;
use warnings;
use Socket qw(:DEFAULT inet_pton pack_sockaddr_in6);

my ($protocol, $source, $destination, $count, $wrong) = @ARGV;
my ($is6, $is_tcp) = (scalar($destination =~ /:/), $protocol eq 'tcp');
my ($from, $to) = map { inet_pton($is6 ? AF_INET6 : AF_INET, $_) } $source, $destination;
# IPPROTO_RAW: the IP header is ours to write; the kernel fills in IPv4's checksum.
socket(my $s, $is6 ? AF_INET6 : AF_INET, SOCK_RAW, 255) or die "socket: $!\n";

sub sum {
    my $bytes = shift;
    my $sum = unpack "%32n*", $bytes . (length($bytes) % 2 ? "\0" : '');
    $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
    return $sum;
}

for my $i (1 .. $count) {
    my $payload   = chr($i & 255) x 1000;
    my $number    = $is_tcp ? 6 : 17;
    my $transport = $is_tcp ? pack("n n N N C C n n n", 5555, 5556, $i * 1000, 1, 0x50, 0x10, 1024, 0, 0) : pack("n n n n", 5555, 5556, 1008, 0);
    my $checksum  = 0xffff - sum($from . $to . pack("n n", length($transport . $payload), $number) . $transport . $payload);
    $checksum = ($checksum ^ 0x1234) || 1 if $i % $wrong == 0;
    substr($transport, $is_tcp ? 16 : 6, 2) = pack("n", $checksum || 0xffff);
    my $packet = $transport . $payload;
    $packet = $is6 ? pack("N n C C", 6 << 28, length $packet, $number, 64) . $from . $to . $packet
        : pack("C C n n n C C n", 0x45, 0, 20 + length $packet, 1000 + $i, 0x4000, 64, $number, 0) . $from . $to . $packet;
    send($s, $packet, 0, $is6 ? pack_sockaddr_in6(0, $to) : pack_sockaddr_in(0, $to)) or die "send: $!\n";
}
