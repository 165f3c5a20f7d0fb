#!/usr/bin/perl
# spoof.pl SECONDS ADDRESS PORT A.B: sends a message over UDP from addresses A.B.x.y of this machine, another one each time, 1,000 a
# second or so. The message is a line of hexadecimal digits on standard input; at the end it prints how many were sent.
use strict;
use warnings;
use Socket;

my ($seconds, $address, $port, $net) = @ARGV;
chomp(my $message = <STDIN>);
$message = pack 'H*', $message;
my $there = pack_sockaddr_in($port, inet_aton($address));
my $end   = time + $seconds;
my $sent  = 0;
while (time < $end) {
    for (1 .. 10) {
        socket(my $s, AF_INET, SOCK_DGRAM, 0) or die "socket: $!\n";
        bind($s, pack_sockaddr_in(0, inet_aton(sprintf '%s.%d.%d', $net, $sent / 250 % 250, 1 + $sent % 250))) or die "bind: $!\n";
        send($s, $message, 0, $there) and $sent++;
    }
    select undef, undef, undef, 0.01;
}
print "$sent\n";
