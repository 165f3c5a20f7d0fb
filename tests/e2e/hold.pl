#!/usr/bin/perl
# hold.pl PORT COUNT TEXT: opens that many connections to 127.0.0.1, sends TEXT on each, reads nothing, and waits.
use strict;
use warnings;
use Socket;

my ($port, $count, $text) = @ARGV;
$text =~ s/\\r/\r/g;
$text =~ s/\\n/\n/g;
local $SIG{PIPE} = 'IGNORE';
my @held;
for (1 .. $count) {
  socket(my $socket, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
  setsockopt($socket, SOL_SOCKET, SO_RCVBUF, 4096);
  connect($socket, pack_sockaddr_in($port, INADDR_LOOPBACK)) or die "connect: $!";
  syswrite($socket, $text);
  push @held, $socket;
}
$| = 1;
print "held\n";
sleep 600;
