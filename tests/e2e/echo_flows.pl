#!/usr/bin/perl
# UDP flows in both directions.
#
#   echo_flows.pl serve PORT                          sends back what it gets
#   echo_flows.pl flows ADDRESS PORT COUNT SECONDS    that many flows, each of ten datagrams a second from a port of its own; prints
#                                                     for how many seconds nothing came back on the one that fared worst
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

# Seconds since the machine has started, in hundredths: Time::HiRes is not part of perl-base.
sub now {
    open my $uptime, '<', '/proc/uptime' or die "uptime: $!\n";
    return (split ' ', <$uptime>)[0];
}

if ($ARGV[0] eq 'serve') {
    my $socket = IO::Socket::INET->new(Proto => 'udp', LocalPort => $ARGV[1]) or die "bind: $!\n";
    while (defined(my $from = recv $socket, my $bytes, 2048, 0)) { send $socket, $bytes, 0, $from }
    exit;
}

my (undef, $address, $port, $count, $seconds) = @ARGV;
my @flows = map { IO::Socket::INET->new(Proto => 'udp', PeerAddr => $address, PeerPort => $port) or die "socket: $!\n" } 1 .. $count;
my %flow = map { fileno $flows[$_], $_ } 0 .. $#flows;
my ($began, $next, $worst, $all) = (now(), 0, 0, IO::Select->new(@flows));
my @heard = ($began) x $count;

# What came back this late is heard when it came; a flow that is silent at the end was so until then.
sub hear {
    my ($i, $now) = @_;
    $worst = $now - $heard[$i] if $now - $heard[$i] > $worst;
    $heard[$i] = $now;
}
while ((my $now = now()) < $began + $seconds) {
    if ($now >= $next) {
        send $_, 'x' x 100, 0 for @flows;
        $next = $now + 0.1;
    }
    for my $socket ($all->can_read(0.02)) {
        hear($flow{fileno $socket}, now()) if defined recv $socket, my $bytes, 2048, 0;
    }
}
hear($_, now()) for 0 .. $#flows;
printf "%.1f\n", $worst;
