#!/usr/bin/perl
# crowd.pl hold|rate NUMBER SECONDS ADDRESS PORT [SOURCE...]: connects to a TCP port, sends nothing, and stays.
#
#   hold   keeps NUMBER connections: each that is closed is dialled again
#   rate   makes NUMBER connections a second, and keeps the newest 600 of them
#
# The SOURCE addresses are used in turn. Prints how many connections were made, every second and at the end or on SIGTERM.
use strict;
use warnings;
use Socket qw(:DEFAULT :addrinfo inet_pton pack_sockaddr_in6);
use Fcntl;
use Errno;
use POSIX ();

my ($kind, $number, $seconds, $address, $port, @sources) = @ARGV;
use constant KEPT => 600;
my $is_ipv6 = $address =~ /:/;
my ($end, $made) = (time + $seconds, 0);
$SIG{TERM} = sub { $end = 0 };
$| = 1;

# perl-base has no Time::HiRes. Ticks of the system's clock, 10 ms each.
my $hz = POSIX::sysconf(POSIX::_SC_CLK_TCK());
sub seconds { (POSIX::times())[0] / $hz }

sub name {
    my ($address, $port) = @_;
    return $is_ipv6 ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $address)) : pack_sockaddr_in($port, inet_aton($address));
}

sub dial {
    socket(my $s, $is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
    if (@sources) {
        push @sources, my $source = shift @sources;
        bind($s, name($source, 0)) or die "bind to $source: $!\n";
    }
    fcntl($s, F_SETFL, O_NONBLOCK);
    connect($s, name($address, $port)) || $!{EINPROGRESS} or die "connect: $!\n";
    $made++;
    return $s;
}

sub is_closed {
    my $n = sysread(shift, my $answer, 4096);
    die "the daemon answered with $n bytes\n" if $n;
    return defined $n || !($!{EAGAIN} || $!{ENOTCONN});
}

my @open;
my ($began, $told) = (seconds(), time);
while (time < $end) {
    if ($kind eq 'hold') {
        @open = grep { !is_closed($_) } @open;
        push @open, dial() while @open < $number;
    }
    else {
        push @open, dial() while $made < (seconds() - $began) * $number;
        splice @open, 0, @open - KEPT if @open > KEPT;
    }
    print "$made\n" and $told = time if time != $told;
    select undef, undef, undef, 0.01;
}
print "$made\n";
