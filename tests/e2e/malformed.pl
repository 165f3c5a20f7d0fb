#!/usr/bin/perl
# malformed.pl ADDRESS PORT: a connection for each kind of malformed or incomplete frame, and then silence.
#
# Prints a line for each: after how many seconds it was closed (or "open" after 15 s), and what was sent on it.
use strict;
use warnings;
use Socket;
use Fcntl;
use Errno;
require(($0 =~ m{(.*)/})[0] . '/frame.pl');

my ($address, $port) = @ARGV;
my $initiation = pack("V", 1) . "\x55" x 144;
my $data       = pack("V", 4) . "\x55" x 65526;
my $wrong      = frame($initiation);
substr($wrong, 2, 1) ^= "\x01";

# Each with as many bytes as tell what it is, and not one more.
my @sent = (
    ['length 0',                          pack("v", 0)],
    ['length 31',                         pack("v", 31)],
    ['length 65531',                      pack("v", 65531)],
    ['length 65535',                      pack("v", 65535)],
    ['type 0',                            pack("v V V", 148, 0, 0)],
    ['type 5',                            pack("v V V", 148, 0, 5)],
    ['type 1 with reserved bytes set',    pack("v V V", 148, 0, 0x101)],
    ['an initiation of 92 bytes',         pack("v V V", 92, 0, 1)],
    ['a response of 148 bytes',           pack("v V V", 148, 0, 2)],
    ['a wrong CRC',                       $wrong],
    ['half of a length',                  "\x94"],
    ['a length alone',                    pack("v", 148)],
    ['a header alone',                    substr(frame($initiation), 0, 6)],
    ['half of an initiation',             substr(frame($initiation), 0, 80)],
    ['all but the last of 65530 bytes',   substr(frame($data), 0, 65535)],
    ['a whole frame and half of another', frame($initiation) . substr(frame($initiation), 0, 80)],
);

# perl-base has no Time::HiRes.
sub now { open(my $f, '<', '/proc/uptime') or die; return (split ' ', <$f>)[0] }

my %open;
for (@sent) {
    my ($name, $bytes) = @$_;
    socket(my $s, AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
    connect($s, pack_sockaddr_in($port, inet_aton($address))) or die "connect: $!\n";
    syswrite($s, $bytes) == length $bytes or die "write: $!\n";
    fcntl($s, F_SETFL, O_NONBLOCK);
    $open{$name} = [$s, now()];
}

my $end = now() + 15;
while (%open && now() < $end) {
    select undef, undef, undef, 0.05;
    for my $name (keys %open) {
        my ($s, $began) = @{ $open{$name} };
        my $n = sysread($s, my $answer, 4096);
        die "'$name' was answered with $n bytes\n" if $n;
        next if !defined $n && $!{EAGAIN};
        printf "%.1f %s\n", now() - $began, $name;
        delete $open{$name};
    }
}
print "open $_\n" for keys %open;
