#!/usr/bin/perl
# relay.pl PORT ADDRESS PORT: forwards UDP datagrams in both directions, as a bad network does. Of transport messages it drops, damages
# and duplicates about one in a hundred each, and delays three in a hundred behind later ones. Handshakes pass.
use strict;
use warnings;
use Socket;

my ($port, $address, $far_port) = @ARGV;
socket(my $near, AF_INET, SOCK_DGRAM, 0) or die "socket: $!\n";
bind($near, pack_sockaddr_in($port, INADDR_ANY)) or die "bind: $!\n";
socket(my $far, AF_INET, SOCK_DGRAM, 0) or die "socket: $!\n";
setsockopt($_, SOL_SOCKET, 33, 8 << 20) for $near, $far;    # SO_RCVBUFFORCE
my %to = ($near => undef, $far => pack_sockaddr_in($far_port, inet_aton($address)));
my %held;

sub pass { my ($out, @datagrams) = @_; defined $to{$out} and send($out, $_, 0, $to{$out}) for @datagrams }

sub trouble {
    my ($out, $datagram) = @_;
    my $chance = ord $datagram == 4 ? rand 100 : 100;
    if    ($chance < 1) { return }
    elsif ($chance < 2) { substr($datagram, rand length $datagram, 1) ^= "\x10" }
    elsif ($chance < 3) { pass($out, $datagram) }
    elsif ($chance < 6 and !$held{$out}) { $held{$out} = [1 + int rand 8, $datagram]; return }
    pass($out, $datagram);
    release($out) if $held{$out} and --$held{$out}[0] <= 0;
}

sub release { my $out = shift; my $held = delete $held{$out} or return; pass($out, $held->[1]) }

while (1) {
    my $read = '';
    vec($read, fileno $_, 1) = 1 for $near, $far;
    if (!select $read, undef, undef, %held ? 0.01 : undef) { release($_) for $near, $far }
    for my $in ($near, $far) {
        next unless vec($read, fileno $in, 1);
        for (1 .. 64) {
            my $from = recv($in, my $datagram, 65536, MSG_DONTWAIT) // last;
            $to{$near} = $from if $in == $near;
            trouble($in == $near ? $far : $near, $datagram);
        }
    }
}
