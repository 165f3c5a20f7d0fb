#!/usr/bin/perl
# delay.pl PORT ADDRESS PORT MS: forwards TCP connections with a delay of MS in each direction. Connections themselves are made at
# once, so the far end sees one that is silent for as long.
use strict;
use warnings;
use Socket;
use Fcntl;
use Errno;
use POSIX ();

my ($port, $address, $far_port, $ms) = @ARGV;
my $there = pack_sockaddr_in($far_port, inet_aton($address));
socket(my $listener, AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
setsockopt($listener, SOL_SOCKET, SO_REUSEADDR, 1);
bind($listener, pack_sockaddr_in($port, INADDR_ANY)) or die "bind: $!\n";
listen($listener, 128) or die "listen: $!\n";
$SIG{PIPE} = 'IGNORE';

# perl-base has no Time::HiRes. Ticks of the system's clock, 10 ms each.
my $hz = POSIX::sysconf(POSIX::_SC_CLK_TCK());
sub now { (POSIX::times())[0] * 1000 / $hz }

my @open;    # { socket, other, has_ended }
my @held;    # [when, to, bytes, or nothing at the end], oldest first

sub take_in {
    accept(my $near, $listener) or return;
    socket(my $far, AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
    fcntl($_, F_SETFL, O_NONBLOCK) for $near, $far;
    setsockopt($_, Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1) for $near, $far;
    connect($far, $there) || $!{EINPROGRESS} or return;
    my @pair = map { { socket => $_ } } $near, $far;
    ($pair[0]{other}, $pair[1]{other}) = ($pair[1], $pair[0]);
    push @open, @pair;
}

sub pass_on {
    my ($to, $bytes) = @_;
    return syswrite($to->{socket}, $bytes) if defined $bytes;
    @open = grep { $_ != $to && $_ != $to->{other} } @open;
    close $_->{socket} for $to, $to->{other};
}

while (1) {
    my $read = '';
    vec($read, fileno $_, 1) = 1 for $listener, map { $_->{has_ended} ? () : $_->{socket} } @open;
    select $read, undef, undef, @held ? 0.01 : undef;
    pass_on(@{ shift @held }[1, 2]) while @held && $held[0][0] <= now();
    take_in() if vec($read, fileno $listener, 1);
    for my $c (@open) {
        next unless !$c->{has_ended} && defined fileno $c->{socket} && vec($read, fileno $c->{socket}, 1);
        my $n = sysread($c->{socket}, my $bytes, 65536);
        next if !defined $n && $!{EAGAIN};
        $c->{has_ended} = 1 unless $n;
        push @held, [now() + $ms, $c->{other}, $n ? $bytes : undef];
    }
}
