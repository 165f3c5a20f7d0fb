#!/usr/bin/perl
# notify.pl SOCKET: a service manager's ear (sd_notify(3)). Prints each datagram, its lines joined by spaces, as a line.
use strict;
use warnings;
use Socket;

my $name = shift;
$name =~ s/^@/\0/;
socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die "socket: $!";
bind($socket, pack_sockaddr_un($name)) or die "bind: $!";
$| = 1;
print "listening\n";
while (defined recv($socket, my $message, 65536, 0)) {
  $message =~ tr/\n/ /;
  print "$message\n";
}
